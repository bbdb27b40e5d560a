"""Start the spell's engine before anything else, so that it gets ready while we do.

A worker needs as long to start as the rest of the command: importing click, reading options. So the
arguments are looked at twice: here, roughly, for the engine alone; then properly.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from llmspell_core.errors import LlmspellError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_cli.host import Host
    from llmspell_cli.output import Output

_COMMANDS = ("run", "exec")
_NEED_OPTIONS = ("--isolation", "--require-lock", "--memory", "--watch", "--help", "-h")
"""What the engine is started with, or what makes it unnecessary: then nothing is early."""


def start_early(args: Sequence[str], output: Output) -> Host | None:
    """Start the engine that `args` will need, where that can be told at a glance."""
    if len(args) < 2 or args[0] not in _COMMANDS:  # noqa: PLR2004 - a command and its argument
        return None
    if any(arg.startswith(_NEED_OPTIONS) for arg in args):
        return None
    wanted = _language(args) if args[0] == "exec" else _suffix(args)
    if not wanted:
        return None
    from llmspell_cli.host import Host

    host = Host(output, one_shot=True)
    host.loop.run_until_complete(_start(host, wanted))
    return host


async def _start(host: Host, wanted: str) -> None:
    try:
        if wanted.startswith("."):
            await host.runtime.engine_for_suffix(wanted, wanted)
        else:
            await host.runtime.engine(wanted)
        import asyncio

        await asyncio.sleep(0)  # the first worker is asked for in a task of its own
    except LlmspellError:
        return  # the command will meet it again, and say it better


def _suffix(args: Sequence[str]) -> str:
    """Find the first argument that is a file other than one of parameters, and its suffix."""
    for arg in args[1:]:
        suffix = os.path.splitext(arg)[1].lower()  # noqa: PTH122 - pathlib costs 5 ms here
        if suffix in ("", ".json", ".toml") or arg.startswith("-"):
            continue
        if os.path.isfile(arg):  # noqa: PTH113 - as above
            return suffix
    return ""


def _language(args: Sequence[str]) -> str:
    for index, arg in enumerate(args):
        if arg in ("--language", "-l"):
            return args[index + 1] if index + 1 < len(args) else ""
        if arg.startswith("--language="):
            return arg.partition("=")[2]
    return ""
