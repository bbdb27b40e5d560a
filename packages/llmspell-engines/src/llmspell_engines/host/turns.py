"""Sharing the turns of an event loop among the workers that have much to say."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

TURN_S = 0.001
"""How long those in the row work in one turn of the loop."""
PIECES = 4
"""How many of them: a call that is read in 30 µs may take another turn 300 µs to refuse."""


class PerLoop:
    """What there is one of for each loop: made when it is first asked for, and gone with the loop."""

    _made: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, Self]]

    def __init_subclass__(cls) -> None:
        """Give each subclass objects of its own."""
        cls._made = WeakKeyDictionary()

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> Self:
        """Return that of a loop: there is one, whoever asks."""
        found = cls._made.get(loop)
        if found is None:
            # it does not hold its loop, which would never be let go of then
            found = cls._made[loop] = cls()
        return found


class Turn:
    """A place in the row: `work` is called once, unless it was cancelled before."""

    __slots__ = ("work",)

    def __init__(self, work: Callable[[], None]) -> None:
        """Wait with `work`."""
        self.work: Callable[[], None] | None = work

    def cancel(self) -> None:
        """Leave the row."""
        self.work = None


class Turns(PerLoop):
    """A row of work, done one after the other, for `TURN_S` and `PIECES` in each turn of the loop.

    Who has more to do stands at the end of the row again. So twenty floods at once delay a timer
    or a quiet spell as little as one, and each of them gets its share.
    """

    def __init__(self) -> None:
        """Start with an empty row."""
        self._row: deque[Turn] = deque()
        self._scheduled = False

    def add(self, work: Callable[[], None]) -> Turn:
        """Do `work`, a small piece of it, in one of the next turns."""
        turn = Turn(work)
        self._row.append(turn)
        self._schedule()
        return turn

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        self._scheduled = False
        try:
            self._work()
        finally:
            # also when one of them failed: the others still wait
            if self._row:
                self._schedule()

    def _work(self) -> None:
        end = time.perf_counter() + TURN_S
        for _ in range(PIECES):
            work = self._row.popleft().work if self._row else None
            if work is not None:
                work()
            if time.perf_counter() >= end:
                break
