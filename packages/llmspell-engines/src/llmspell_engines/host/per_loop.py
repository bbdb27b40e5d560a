"""What there is one of for each event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    import asyncio
    from typing import Self


class PerLoop:
    """Made when a loop is first asked for its own, and gone with the loop."""

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
