"""Barriers and gates: how concurrent calls meet without a clock."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Gates:
    """Named gates, barriers, and conditions on what was counted; for one event loop."""

    def __init__(self) -> None:
        """All gates are closed."""
        self._open: set[str] = set()
        self._arrived: Counter[str] = Counter()
        self._change = asyncio.Event()

    def changed(self) -> None:
        """Let everybody who waits look again."""
        self._change.set()
        self._change = asyncio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is looked at after each change."""
        while not condition():
            await self._change.wait()

    def open(self, name: str) -> None:
        """Open a gate for good."""
        self._open.add(name)
        self.changed()

    async def wait(self, name: str) -> None:
        """Wait for a gate to be open."""
        await self.until(lambda: name in self._open)

    async def meet(self, name: str, parties: int) -> int:
        """Wait until `parties` have come to a barrier; return the caller's place, from 1."""
        self._arrived[name] += 1
        place = self._arrived[name]
        self.changed()
        await self.until(lambda: self._arrived[name] >= parties)
        return place
