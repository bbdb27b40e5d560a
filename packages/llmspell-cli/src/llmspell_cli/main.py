"""The entry of the command `llmspell`: every way it can end becomes an exit code here."""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_cli.output import Output


def main() -> NoReturn:
    """Run the command line and exit with its code.

    Leaves through `os._exit`: all that needs an orderly end has had it, and tearing down the
    interpreter (and waiting for a thread that imports litellm) would only take time.
    """
    gc.disable()  # imports make no garbage, and searching it takes a tenth of their time
    _occupy_standard_streams()
    code = run(sys.argv[1:])
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue  # a plugin's command printed to a reader who has gone
    os._exit(code)


def run(args: Sequence[str]) -> int:
    """Run the command line `args` and return the exit code."""
    from llmspell_cli.interrupt import Interrupted, OutputClosed, install
    from llmspell_cli.output import Output

    output = Output.for_arguments(args)
    try:
        install()
        _silence_warnings(output)
        code = _run(args, output)
    except Interrupted as interrupted:
        output.interrupted()
        code = interrupted.code
    except OutputClosed:
        code = 0  # decided below
    if output.failed is not None:
        return _stdout_failed(output, output.failed)
    return code


def _run(args: Sequence[str], output: Output) -> int:
    from llmspell_cli.exit_codes import BROKEN_PIPE, SCRIPT, exit_code
    from llmspell_core.errors import LlmspellError

    try:
        from llmspell_cli.early import start_early

        host = start_early(args, output)
        from llmspell_cli.commands import invoke

        return invoke(args, output, host)
    except LlmspellError as error:
        output.error(error)
        return exit_code(error)
    except BrokenPipeError:  # click wrote help to a reader who has gone
        return BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 - the last stop: no traceback reaches a user
        _our_mistake(error, output)
        return SCRIPT


def _our_mistake(error: Exception, output: Output) -> None:
    from llmspell_cli.show_error import REPORT

    output.failure("internal", f"{type(error).__name__}: {error}", hint=REPORT)
    if output.debug:
        output.python_traceback(error)


def _stdout_failed(output: Output, error: OSError) -> int:
    """End quietly when the reader has gone (``| head -1``); say so when a disk is full."""
    from llmspell_cli.exit_codes import BROKEN_PIPE, USAGE

    if isinstance(error, BrokenPipeError):
        return BROKEN_PIPE
    what = (error.strerror or str(error)).lower()
    output.failure("configuration", f"cannot write to standard output: {what}")
    return USAGE


def _silence_warnings(output: Output) -> None:
    """Keep Python's warnings, which are about libraries, from those who write spells.

    One is for them: that there is no kernel lock.
    """
    import warnings

    from llmspell_core.isolation import IsolationWarning

    if not output.debug and not sys.warnoptions:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", IsolationWarning)
    show = warnings.showwarning

    def shown(message: Warning | str, category: type[Warning], *where: Any, **line: Any) -> None:
        if issubclass(category, IsolationWarning):
            output.note(f"warning: {message}")
        else:
            show(message, category, *where, **line)

    warnings.showwarning = shown


def _occupy_standard_streams() -> None:
    """Open what was closed by the caller (``>&-``), lest a socket gets its number."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


if __name__ == "__main__":
    main()
