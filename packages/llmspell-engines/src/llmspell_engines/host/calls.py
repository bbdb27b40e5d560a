"""The script's calls that are being answered, and what they make the host hold."""

from __future__ import annotations

import asyncio
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from llmspell_core.errors import ConversionError
from llmspell_core.limits import limit_error

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from llmspell_core.errors import LlmspellError
    from llmspell_core.values import Value
    from llmspell_engines.codec import Reading
    from llmspell_engines.host.worker import Worker

HOST_BYTES_PER_WORKER = 384 * 1024 * 1024
"""What a worker can make the host hold at the most; `docs/protocol.md` adds it up."""
UNSENT_BYTES = 128 * 1024 * 1024
"""Bytes of answers that a worker leaves unread before its run is ended."""
HELD_BYTES = 32 * 1024 * 1024
"""Memory in arguments being worked on above which the worker is not read any further."""
HELD_BYTES_MAX = 64 * 1024 * 1024
"""Memory in arguments above which the run ends, where its worker has to be read on."""
CALLS_LEAVING = 64
"""Calls given up by the script, and not ended yet, above which the worker is not read on."""
NAME_CHARS = 256
"""The longest name of a bridge or a method: longer ones would fill errors and logs."""
_CALL_PARTS = (3, 4)
"""Parts of a CALL that comes from no callback; one that does names it as the fourth."""


_NO_CALL = "cannot convert call: it must be a target, a method and a list of arguments"


class OpenCall:
    """A call being answered: its name for people, how deep in callbacks, its bytes, its task."""

    __slots__ = ("depth", "number", "references", "task", "weight", "where")

    def __init__(self, number: int, where: str, depth: int, reading: Reading) -> None:
        """Start with the weight of the arguments."""
        self.number = number
        self.where = where
        self.depth = depth
        self.weight = reading.weight
        self.references = reading.references
        self.task: asyncio.Task[None] | None = None


current_call: ContextVar[OpenCall | None] = ContextVar("llmspell_current_call", default=None)
"""The call of the script that the host is working on."""


def start(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Start a call's task at once, as later Pythons do: a turn of the loop less, 38 µs instead of 46.

    On Python 3.11, whose asyncio changes no more, its first step is the last in the loop's row. A
    loop of another library has no such row, and a program's own tasks may begin otherwise.
    """
    if sys.version_info >= (3, 12):
        return asyncio.Task(work, loop=loop, eager_start=True)
    task = loop.create_task(work)
    row = getattr(loop, "_ready", None)
    if row and loop.get_task_factory() is None and asyncio.current_task(loop) is None:
        row.pop()._run()  # noqa: SLF001 - see above
    return task


class Flow:
    """Holds a worker back while it makes the host hold too much, or a message takes long to read.

    A worker that is not read waits in its writes. While the host waits for one of its functions
    it has to be read, because the answer stands behind its calls: then it is a limit.
    """

    def __init__(self, worker: Worker, fail: Callable[[LlmspellError], None]) -> None:
        """Take how to end the run."""
        self._worker = worker
        self._fail = fail
        self._bytes = 0
        self._leaving = 0
        self._callbacks = 0
        self._slow = False
        self._paused = False
        self._over = False

    def weigh(self, more: int) -> None:
        """Count memory that arguments take, or with a negative number that they gave back."""
        self._bytes += more
        if self._bytes > HELD_BYTES:
            if self._bytes > HELD_BYTES_MAX and more > 0 and self._callbacks:
                self._fail(limit_error("arguments_in_flight", HELD_BYTES_MAX))
            self._steer()
        elif self._paused:
            self._steer()

    def expect(self, more: int) -> None:
        """Count the script's functions that the host waits for."""
        self._callbacks += more
        self._steer()

    def leave(self, count: int) -> None:
        """Take the number of calls that the script gave up, and that have not ended yet."""
        if count != self._leaving:
            self._leaving = count
            self._steer()

    def slow(self, *, on: bool) -> None:
        """Say that a message is being read in slices, which come before what follows it."""
        self._slow = on
        self._steer()

    def end(self) -> None:
        """Hold it back no more: its last words have to be read before it can be gone."""
        self._over = True
        self._steer()

    def _steer(self) -> None:
        heavy = self._bytes > HELD_BYTES and not self._callbacks
        crowded = self._leaving > CALLS_LEAVING
        paused = (self._slow or heavy or crowded) and not self._over
        if paused and not self._paused:
            self._worker.pause()
        elif self._paused and not paused:
            self._worker.resume()
        self._paused = paused


def call_parts(call: Value) -> tuple[str | int, str, list[Value], int]:
    """Take a CALL's payload apart: target, method, arguments, and the callback it came from.

    Raises:
        ConversionError: it has another shape, or names that are no names.
    """
    if not isinstance(call, list) or len(call) not in _CALL_PARTS:
        raise ConversionError(_NO_CALL)
    target, method, args, parent = call if len(call) == _CALL_PARTS[-1] else (*call, 0)
    # plain comparisons: a `match` takes 3 µs of the 25 that the host works on a small call
    if (
        not isinstance(target, (str, int))
        or isinstance(target, bool)
        or not isinstance(method, str)
        or not isinstance(args, list)
        or not isinstance(parent, int)
    ):
        raise ConversionError(_NO_CALL)
    if len(method) > NAME_CHARS or (isinstance(target, str) and len(target) > NAME_CHARS):
        text = f"cannot convert call: a name of more than {NAME_CHARS} characters"
        raise ConversionError(text)
    return target, method, args, parent
