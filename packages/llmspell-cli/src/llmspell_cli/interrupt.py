"""Ctrl-C and SIGTERM: the first cancels the spell and its calls, the second ends everything."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from llmspell_cli.exit_codes import INTERRUPTED, TERMINATED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from llmspell_cli.output import Output

CODES = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}


class Interrupted(BaseException):
    """A signal ended the command; `code` is its exit code."""

    def __init__(self, number: int) -> None:
        """Remember which signal it was."""
        super().__init__(number)
        self.code = CODES[signal.Signals(number)]


def install() -> None:
    """Raise `Interrupted` at a signal, wherever the command is; ignored signals stay ignored."""
    for number in CODES:
        _set(number, _raise)


class OutputClosed(BaseException):
    """Stdout takes nothing more, so there is nothing to run for; `Output.failed` says why."""


@contextmanager
def cancelling(cancel: Callable[[], None], output: Output) -> Iterator[list[int]]:
    """Call `cancel` at the first signal within the block; yields the signals that came."""
    came: list[int] = []

    def handle(number: int, _: FrameType | None) -> None:
        if came:
            _end(number, output)
        came.append(number)
        cancel()

    for known in CODES:
        _set(known, handle)
    try:
        yield came
    finally:
        install()


def _set(number: int, handler: Callable[[int, FrameType | None], None]) -> None:
    if signal.getsignal(number) is not signal.SIG_IGN:
        signal.signal(number, handler)


def _raise(number: int, _: FrameType | None) -> NoReturn:
    raise Interrupted(number)


def _end(number: int, output: Output) -> NoReturn:
    """End at once; workers and local models die with their host."""
    output.interrupted()
    os._exit(CODES[signal.Signals(number)])
