"""A function of the script that a call can be made to wait for."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from llmspell_testkit import Slow

if TYPE_CHECKING:
    from collections.abc import Iterator


class Waiter:
    """Returns its argument; within `waiting`, it does not return, and notes that it was ended."""

    def __init__(self) -> None:
        """Be quick."""
        self.reached = self.left = self._waits = False

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Wait, when it is called in the block."""
        self._waits = True
        try:
            yield
        finally:
            self._waits = False

    async def __call__(self, *args: Any) -> Any:
        """Be the script's function."""
        if not self._waits:
            return args[0] if args else None
        self.reached = True
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            self.left = True


WAIT = Slow(
    broken=lambda world: world.data.waiting(),
    reached=lambda world: world.data.reached,
    released=lambda world: world.data.left,
)
"""A call that waits for the `Waiter` that is the world's data."""
