"""Counts how often an object of a bridge's is closed, whoever does it."""

from __future__ import annotations

from inspect import isasyncgen
from typing import TYPE_CHECKING, Any

from llmspell_core.handles import Stream

if TYPE_CHECKING:
    from collections.abc import Iterator


class Closes:
    """Watches objects from now on; it keeps them, so that a second close is seen however late."""

    def __init__(self) -> None:
        """Watch nothing yet."""
        self._watched: list[Any] = []
        self._counts: dict[int, int] = {}

    def watch(self, given: Any) -> None:
        """Count how often a handle, or what a stream reads from, is closed.

        A generator cannot be closed twice: the second time nothing of it runs.
        """
        method = "close"
        if isinstance(given, Stream):
            source = given._source  # noqa: SLF001 - nothing else tells what it reads from
            given, method = getattr(source, "source", source), "aclose"
        if isasyncgen(given) or not hasattr(given, method) or id(given) in self._counts:
            return
        cls, counts = type(given), self._counts

        async def closing(owner: Any) -> None:
            counts[id(owner)] += 1
            await getattr(cls, method)(owner)

        own = {"__slots__": (), "__module__": cls.__module__, method: closing}
        try:
            given.__class__ = type(cls.__name__, (cls,), own)
        except TypeError:
            return  # not of Python's making: nothing of it can be watched
        counts[id(given)] = 0
        self._watched.append(given)

    def problems(self) -> Iterator[str]:
        """List what was not closed exactly once."""
        for given in self._watched:
            count = self._counts[id(given)]
            if count != 1:
                times = {0: "never", 2: "twice"}.get(count, f"{count} times")
                yield f"expected {type(given).__name__} to be closed once, got {times}"
