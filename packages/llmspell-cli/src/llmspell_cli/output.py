"""Everything the command writes: text for people, or exactly one JSON document.

Text mode: what a spell prints and its result go to stdout, all else to stderr. With ``--json``,
stdout gets one document, whatever the exit code.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from llmspell_cli import terminal
from llmspell_cli.terminal import DIM, RED, YELLOW, paint
from llmspell_core.redact import redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from llmspell_core.errors import LlmspellError

OUT, ERR = 1, 2
_ON_STDOUT = ("log", "write")
_STYLES = {"warn": YELLOW, "error": RED, "debug": DIM}


class Output:
    """Writes to the standard streams, unbuffered: what streams is seen as it arrives.

    `failed` is the error that writing to stdout met, after which nothing more is written there;
    `on_failure` is called once when that happens.
    """

    def __init__(self, *, json: bool = False, quiet: bool = False, debug: bool = False) -> None:
        """Look at what the streams are."""
        self.json = json
        self.quiet = quiet
        self.debug = debug
        self.failed: OSError | None = None
        self.on_failure: Callable[[], None] | None = None
        self.logs: list[dict[str, str]] = []
        self._terminal = {fd: os.isatty(fd) for fd in (OUT, ERR)}
        self._encoding = {OUT: _encoding(sys.stdout), ERR: _encoding(sys.stderr)}
        self.colour = terminal.wants_colour(ERR)
        self._line_open = False
        self._document_written = False
        self._interrupted = False
        self._held: list[tuple[str, str]] | None = None

    @classmethod
    def for_arguments(cls, args: Sequence[str]) -> Output:
        """Read the options that concern output before anything can go wrong with the others."""
        options = args[: args.index("--")] if "--" in args else args
        return cls(json="--json" in options, quiet="--quiet" in options, debug="--debug" in options)

    # -- while a spell runs ---------------------------------------------------------------

    def log(self, level: str, text: str) -> None:
        """Show what the spell printed, or keep it for the document."""
        if self.json:
            self._keep(level, text)
        elif self._held is not None:
            self._held.append((level, text))
        elif level in _ON_STDOUT:
            self._write(OUT, text if level == "write" else text + "\n")
            if text or level == "log":
                self._line_open = level == "write" and not text.endswith("\n")
        elif level == "error" or not self.quiet:
            style = _STYLES.get(level, "")
            self._show(paint(self._clean(text), style, wanted=self.colour and bool(style)))

    def _keep(self, level: str, text: str) -> None:
        """Keep a log for the document; consecutive writes are one text."""
        if level == "write" and self.logs and self.logs[-1]["level"] == "write":
            self.logs[-1]["text"] += text
        else:
            self.logs.append({"level": level, "text": text})

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold back what the spell prints within the block, in which the user is asked something.

        It is no more than the spell's limit of output lets through.
        """
        self._held = []
        try:
            yield
        finally:
            kept, self._held = self._held, None
            for level, text in kept:
                self.log(level, text)

    def ask(self, text: str) -> None:
        """Show what the user is asked, which is clean already; the answer goes on its last line."""
        self._close_line_on_terminal()
        self._write(ERR, text, raw=True)

    def note(self, text: str) -> None:
        """Tell the user something that is neither result nor error."""
        if not self.quiet:
            self._show(self._clean(text))

    # -- the end --------------------------------------------------------------------------

    def result(self, value: Any) -> None:
        """Print what the spell returned: text as it is, nothing for nil, else JSON."""
        if value is None:
            self._close_line_on_terminal()
            return
        if self._line_open:
            self._write(OUT, "\n")
        if isinstance(value, str):
            text = value
        else:
            from llmspell_cli.as_json import pretty

            text = pretty(value)
        self._write(OUT, text if text.endswith("\n") else text + "\n")
        self._line_open = False

    def text(self, text: str) -> None:
        """Print what the user asked for: help, a list, a version."""
        self._write(OUT, text + "\n")

    def answer(self, document: dict[str, Any], text: str) -> None:
        """Give what the user asked for: with `--json` the document, else the text."""
        if self.json:
            self.document(document)
        else:
            self.text(text)

    def document(self, document: dict[str, Any]) -> None:
        """Write the one JSON document; a second one is dropped."""
        from llmspell_cli.as_json import pretty

        if self._document_written:
            return
        self._document_written = True
        text = pretty(document)
        if self._terminal[OUT]:
            text = terminal.escape_controls(text)
        self._write(OUT, text + "\n", raw=True)

    def error(self, error: LlmspellError, more: dict[str, Any] | None = None) -> None:
        """Show an error; with `--json` it is the document, together with `more`."""
        self.show(error)
        if self.json:
            from llmspell_cli.as_json import error_record

            self.document({"error": error_record(error), **(more or {})})

    def show(self, error: LlmspellError) -> None:
        """Show an error to people alone, on stderr."""
        from llmspell_cli.show_error import error_text

        redactor.error(error)
        self._show(error_text(error, colour=self.colour, clean=self._clean))
        if self.debug:
            self.python_traceback(error)

    def failure(self, kind: str, message: str, *, hint: str = "") -> None:
        """Show what is no `LlmspellError`: a usage error, an interruption, a mistake of ours."""
        from llmspell_cli.show_error import headline

        message = redactor.foreign(message)
        text = headline("error", self._clean(message), colour=self.colour)
        self._show(f"{text}\n{hint}" if hint else text)
        if self.json:
            from llmspell_cli.as_json import plain_error

            self.document({"error": plain_error(kind, message)})

    def interrupted(self, more: dict[str, Any] | None = None) -> None:
        """Say, once, that a signal ended the command."""
        if self._interrupted:
            return
        self._interrupted = True
        self._show("interrupted")
        if self.json:
            from llmspell_cli.as_json import plain_error

            self.document({"error": plain_error("cancelled", "interrupted"), **(more or {})})

    def python_traceback(self, error: BaseException) -> None:
        """Show where in llmspell it happened: for ``--debug`` alone."""
        import traceback

        self._show(self._clean("".join(traceback.format_exception(error)).rstrip()))

    def _show(self, text: str) -> None:
        """Write to stderr what is clean already, and may hold our colours."""
        self._close_line_on_terminal()
        self._write(ERR, text + "\n", raw=True)

    def _clean(self, text: str) -> str:
        return terminal.strip_controls(text) if self._terminal[ERR] else text

    def _close_line_on_terminal(self) -> None:
        """End a line that the spell left open, so that what follows does not cling to it."""
        if self._line_open and self._terminal[OUT]:
            self._write(OUT, "\n")
            self._line_open = False

    def _write(self, fd: int, text: str, *, raw: bool = False) -> None:
        """Write to a stream; unless `raw`, a terminal gets no control characters."""
        if fd == OUT and self.failed is not None:
            return
        if self._terminal[fd] and not raw:
            text = terminal.strip_controls(text)
        # stdout is the spell's; on stderr libraries speak too, who know keys that we do not
        text = redactor.text(text) if fd == OUT else redactor.foreign(text)
        encoding = self._encoding[fd]
        errors = "surrogateescape" if encoding == "utf-8" else "replace"
        try:
            write_all(fd, text.encode(encoding, errors))
        except OSError as error:
            if fd == OUT:
                self._fail(error)

    def _fail(self, error: OSError) -> None:
        self.failed = error
        if self.on_failure is not None:
            self.on_failure()


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data`, however little a pipe takes at once."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:  # somebody else made the pipe non-blocking
            import select

            select.select([], [fd], [])


def _encoding(stream: Any) -> str:
    name = (getattr(stream, "encoding", None) or "utf-8").lower()
    return "utf-8" if name in ("utf-8", "utf8") else name
