"""What a run holds by number: host objects for the script, and streams."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

from llmspell_core.bridge import Handle, flags_of, method
from llmspell_core.errors import ValidationError
from llmspell_core.limits import limit_error
from llmspell_core.values import HandleRef

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from llmspell_core.values import Value

CREDITS = 64
"""The most items a stream hands over at once; also how far it reads ahead."""

CLOSE_TIMEOUT_S = 5.0
"""How long all objects together may take to close at a run's end, and then each bridge."""


class Stream(Handle):
    """An async iterator that a script pulls from, a batch at a time.

    It reads ahead by at most `CREDITS` items, and only once the script has asked for the first;
    closing it closes the iterator, and with it the request underneath.
    """

    type_name = "stream"

    def __init__(self, source: AsyncIterator[Any]) -> None:
        """Wrap `source` without starting it."""
        self._source = source
        self._queue: asyncio.Queue[tuple[str, Any]] = asyncio.Queue(maxsize=CREDITS)
        self._pump: asyncio.Task[None] | None = None
        self._end: tuple[str, Any] | None = None

    @method()
    async def next(
        self, limit: Annotated[int, "How many items at most"] = CREDITS
    ) -> dict[str, Any]:
        """Wait for at least one item, and return those that are there."""
        if self._pump is None and self._end is None:
            self._pump = asyncio.create_task(self._read(), name="llmspell-stream")
        items: list[Any] = []
        while self._end is None and len(items) < max(1, min(limit, CREDITS)):
            if items and self._queue.empty():
                break
            kind, item = await self._queue.get()
            if kind == "item":
                items.append(item)
            else:
                self._end = (kind, item)
        if self._end is not None and self._end[0] == "error" and not items:
            error = self._end[1]
            self._end = ("done", None)
            raise error
        return {"items": items, "done": self.ended}

    @property
    def ended(self) -> bool:
        """Whether all of it was handed over."""
        return self._end is not None and self._end[0] == "done"

    async def _read(self) -> None:
        """Read ahead until the iterator ends, one way or another."""
        try:
            async for item in self._source:
                await self._queue.put(("item", item))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the next pull's answer
            await self._queue.put(("error", error))
        else:
            await self._queue.put(("done", None))

    async def close(self) -> None:
        """Stop reading and close the iterator."""
        if self._pump is not None:
            self._pump.cancel()
            with suppress(asyncio.CancelledError):
                await self._pump
        self._end = self._end or ("done", None)
        aclose = getattr(self._source, "aclose", None)
        if aclose is not None:
            await aclose()


class Converted:
    """What a stream reads from, each item converted; closing it closes the source, and so does its end.

    It is no generator: one that was never started closes nothing.
    """

    def __init__(self, source: AsyncIterator[Any], convert: Callable[[Any], Value]) -> None:
        """Read nothing yet."""
        self.source = source
        self._items = aiter(source)
        self._convert = convert
        self._closed = False

    def __aiter__(self) -> AsyncIterator[Value]:
        """Be read."""
        return self

    async def __anext__(self) -> Value:
        """Read and convert one."""
        try:
            return self._convert(await anext(self._items))
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Close the source, once."""
        aclose = getattr(self.source, "aclose", None)
        if aclose is not None and not self._closed:
            self._closed = True
            await aclose()


class HandleTable:
    """Numbers the host objects of one run; emptied when the run ends."""

    def __init__(self, limit: int) -> None:
        """Hold at most `limit` objects at once."""
        self._limit = limit
        self._objects: dict[int, Handle] = {}
        self._numbers: dict[int, int] = {}
        self._next = 1

    def __len__(self) -> int:
        """Count the objects held."""
        return len(self._objects)

    def add(self, handle: Handle) -> HandleRef:
        """Give `handle` a number; the same object keeps the one it has.

        Raises:
            LimitError: the run holds too many already; this one is closed with the others.
        """
        number = self._numbers.get(id(handle))
        if number is None:
            number = self._next
            self._next += 1
            self._objects[number] = handle
            self._numbers[id(handle)] = number
            if len(self._objects) > self._limit:
                raise limit_error("handles", self._limit)
        cls = type(handle)
        return HandleRef(number, cls.type_name, flags_of(cls))

    def get(self, number: int) -> Handle:
        """Find the object of a number.

        Raises:
            ValidationError: the run holds no such object, or no longer.
        """
        handle = self._objects.get(number)
        if handle is None:
            text = f"no object has the handle {number}: it was closed, or is another run's"
            raise ValidationError(text)
        return handle

    async def release(self, number: int) -> None:
        """Close the object of a number; an unknown one is no error, it may be closed already."""
        handle = self._objects.pop(number, None)
        if handle is not None:
            self._numbers.pop(id(handle), None)
            await handle.close()

    async def close(self) -> list[Exception]:
        """Close all objects, the newest first; return the errors of those that failed.

        Once `CLOSE_TIMEOUT_S` is over, one that waits for something is left to itself.
        """
        failed: list[Exception] = []
        deadline = asyncio.get_running_loop().time() + CLOSE_TIMEOUT_S
        for number in sorted(self._objects, reverse=True):
            try:
                async with asyncio.timeout_at(deadline):
                    await self.release(number)
            except Exception as error:  # noqa: BLE001 - one bad handle must not keep the rest open
                failed.append(error)
        return failed
