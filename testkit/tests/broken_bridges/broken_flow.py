"""Bridges that do not go with others: they block, ignore being cancelled, or mix up calls."""

from __future__ import annotations

import asyncio
import select
import time

from broken_lifetime import TASKS, cleaned, forever
from good_bridge import Slow, broken

from llmspell_core import Bridge, method

WAITS = {"slow": {"wait": Slow(args={"forever": True})}}


@broken("being cancelled is taken for an answer", "wait.cancelled", more=WAITS)
class Answering(Bridge):
    """Waits."""

    name = "answering"

    @method(example={"forever": False})
    async def wait(self, *, forever: bool) -> str:
        """Wait, or not."""
        try:
            if forever:
                await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            return "cancelled"
        return "done"


@broken(
    "the library does not hear of being cancelled", "wait.cancelled", more=WAITS, around=cleaned
)
class Shielding(Bridge):
    """Waits."""

    name = "shielding"

    @method(example={"forever": False})
    async def wait(self, *, forever: bool) -> str:
        """Wait, or not."""
        if forever:
            TASKS.append(asyncio.create_task(_endless()))
            await asyncio.shield(TASKS[-1])
        return "done"


async def _endless() -> None:
    await forever()


@broken("a killed call leaves a task", "wait.killed", around=cleaned)
class LeavingWhenKilled(Bridge):
    """Waits."""

    name = "leaving_when_killed"

    @method(example={})
    async def wait(self) -> str:
        """Wait a moment."""
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            TASKS.append(asyncio.create_task(forever()))
            raise
        return "done"


@broken("a method sleeps on the event loop", "nap.loop-free")
class Sleeping(Bridge):
    """Naps."""

    name = "sleeping"

    @method(example={})
    async def nap(self) -> str:
        """Nap."""
        time.sleep(0.06)
        return "awake"


@broken("a method waits for the kernel on the event loop", "nap.loop-free")
class Selecting(Bridge):
    """Naps."""

    name = "selecting"

    @method(example={})
    async def nap(self) -> str:
        """Nap."""
        select.select([], [], [], 0.1)
        return "awake"


@broken("a method computes on the event loop", "nap.loop-free")
class Computing(Bridge):
    """Naps."""

    name = "computing"

    @method(example={})
    async def nap(self) -> str:
        """Compute."""
        started = time.thread_time()
        # much longer than the bound: on a busy machine the watching thread looks late
        while time.thread_time() - started < 0.2:
            pass
        return "done"


@broken("results are mixed between calls", "greet.calls-apart")
class Mixing(Bridge):
    """Greets."""

    name = "mixing"

    def __init__(self) -> None:
        self._who = ""

    @method(example={"who": "Ada"})
    async def greet(self, who: str) -> str:
        """Greet somebody."""
        self._who = who
        await asyncio.sleep(0)
        return f"Hello {self._who}"
