"""The script's functions that the host runs: INVOKE, and its answers RETURN and RAISE."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from llmspell_core.limits import limit_error
from llmspell_engines import protocol as p
from llmspell_engines.codec import encode
from llmspell_engines.host.calls import current_call

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmspell_core.errors import LlmspellError
    from llmspell_core.values import Value
    from llmspell_engines.codec import Reading
    from llmspell_engines.host.calls import Flow, OpenCall

    Fail = Callable[[LlmspellError], None]
    Send = Callable[[int, int, bytes], None]
    ToError = Callable[[Value], LlmspellError]

_NIL = encode(None)


class _Open:
    """A callback under way: who waits for it, and the call that it serves."""

    __slots__ = ("call", "future")

    def __init__(self, call: OpenCall | None) -> None:
        self.future: asyncio.Future[Value] = asyncio.get_running_loop().create_future()
        self.call = call


class Invocations:
    """The callbacks of one run that are under way, by number."""

    def __init__(self, send: Send, to_error: ToError, flow: Flow, fail: Fail, nesting: int) -> None:
        """Take how to send a message, read an error record, end the run; how deep they may nest."""
        self._send = send
        self._to_error = to_error
        self._flow = flow
        self._fail = fail
        self._nesting = nesting
        self._open: dict[int, _Open] = {}
        # of every invocation there was: what a callback began may call long after it returned
        self._depths = [0]

    def depth(self, number: int) -> int:
        """Say how deep the invocation of a number is or was; 0 where there never was one."""
        return self._depths[number] if 0 < number < len(self._depths) else 0

    async def invoke(self, callback: int, args: Sequence[Value]) -> Value:
        """Run the script's function of a number with `args`; cancelling this cancels it.

        Raises:
            LimitError: callbacks call callbacks too deep.
            LlmspellError: what the function raised.
        """
        call = current_call.get()
        depth = 1 if call is None else call.depth + 1
        if depth > self._nesting:
            error = limit_error("callback_nesting", self._nesting)
            # now: the library that called the function may catch what is raised
            self._fail(error)
            raise error
        payload = encode([callback, list(args), depth])
        number = len(self._depths)
        self._depths.append(depth)
        opened = self._open[number] = _Open(call)
        self._flow.expect(1)
        self._send(p.INVOKE, number, payload)
        try:
            return await opened.future
        except asyncio.CancelledError:
            self._send(p.CANCEL, number, _NIL)
            raise
        finally:
            del self._open[number]
            self._flow.expect(-1)

    def answer(self, number: int, reading: Reading, *, failed: bool) -> bool:
        """Take the answer of an invocation; False if there never was one of that number.

        One that was cancelled may still answer: nobody listens.

        Raises:
            ConversionError: the answer cannot be read.
        """
        if not 0 < number < len(self._depths):
            return False
        found = self._open.get(number)
        if found is not None and not found.future.done():
            value = reading.value()
            call = found.call
            if call is not None and call.task is not None:
                # the library that called the function may keep the answer while the call lasts
                call.weight += reading.weight
                self._flow.weigh(reading.weight)
            if failed:
                found.future.set_exception(self._to_error(value))
            else:
                found.future.set_result(value)
        return True

    def cancel(self) -> None:
        """Give up on all of them: the run has ended."""
        for opened in self._open.values():
            opened.future.cancel()
