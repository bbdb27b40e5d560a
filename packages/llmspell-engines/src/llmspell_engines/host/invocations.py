"""The script's functions that the host runs: INVOKE, and its answers RETURN and RAISE."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING

from llmspell_core.errors import LimitError
from llmspell_engines import protocol as p
from llmspell_engines.codec import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llmspell_core.errors import LlmspellError
    from llmspell_core.values import Value

    Send = Callable[[int, int, bytes], None]
    ToError = Callable[[Value], LlmspellError]

depth_of_call: ContextVar[int] = ContextVar("llmspell_callback_depth", default=0)
"""How many callbacks deep the current call of the script is."""

_NIL = encode(None)


class Invocations:
    """The callbacks of one run that are under way, by number."""

    def __init__(self, send: Send, to_error: ToError, nesting: int) -> None:
        """Take how to send a message, how to read an error record, and how deep they may nest."""
        self._send = send
        self._to_error = to_error
        self._nesting = nesting
        self._open: dict[int, tuple[asyncio.Future[Value], int]] = {}
        self._next = 1

    def depth(self, number: int) -> int:
        """Say how deep the invocation of a number is; 0 for one that is not under way."""
        found = self._open.get(number)
        return found[1] if found else 0

    async def invoke(self, callback: int, args: Sequence[Value]) -> Value:
        """Run the script's function of a number with `args`; cancelling this cancels it.

        Raises:
            LimitError: callbacks call callbacks too deep.
            LlmspellError: what the function raised.
        """
        depth = depth_of_call.get() + 1
        if depth > self._nesting:
            text = f"callbacks call callbacks deeper than {self._nesting} levels"
            raise LimitError(text, limit="callback_nesting", value=self._nesting)
        payload = encode([callback, list(args), depth])
        number = self._next
        self._next += 1
        future: asyncio.Future[Value] = asyncio.get_running_loop().create_future()
        self._open[number] = (future, depth)
        self._send(p.INVOKE, number, payload)
        try:
            return await future
        except asyncio.CancelledError:
            self._send(p.CANCEL, number, _NIL)
            raise
        finally:
            del self._open[number]

    def answer(self, number: int, payload: bytes, *, failed: bool) -> bool:
        """Take the answer of an invocation; False if there never was one of that number.

        One that was cancelled may still answer: nobody listens.

        Raises:
            ConversionError: the answer cannot be read.
        """
        if not 0 < number < self._next:
            return False
        found = self._open.get(number)
        if found is not None and not found[0].done():
            value = decode(payload)
            if failed:
                found[0].set_exception(self._to_error(value))
            else:
                found[0].set_result(value)
        return True

    def cancel(self) -> None:
        """Give up on all of them: the run has ended."""
        for future, _ in self._open.values():
            future.cancel()
