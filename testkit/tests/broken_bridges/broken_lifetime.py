"""Bridges that hold something too long."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

from good_bridge import Count, broken

from llmspell_core import Bridge, Handle, method

KEPT: list[Any] = []
TASKS: list[asyncio.Task[Any]] = []
DESCRIPTORS: list[int] = []
STOP = threading.Event()


@contextmanager
def cleaned() -> Iterator[None]:
    """Give back what a broken bridge has left, once it was seen."""
    STOP.clear()
    yield
    STOP.set()
    KEPT.clear()
    while DESCRIPTORS:
        os.close(DESCRIPTORS.pop())
    for task in TASKS:
        task.cancel()
    TASKS.clear()


async def forever() -> None:
    """Wait for nothing."""
    await asyncio.get_running_loop().create_future()


@broken("a task of the bridge's outlives it", "opens-and-closes", around=cleaned)
class Restless(Bridge):
    """Pings."""

    name = "restless"

    async def open(self) -> None:
        """Start what nobody ends."""
        TASKS.append(asyncio.create_task(forever()))

    @method(example={})
    async def ping(self) -> str:
        """Answer."""
        return "pong"


@broken("a second close fails", "closes-again")
class ClosesOnce(Bridge):
    """Pings."""

    name = "closes_once"

    async def open(self) -> None:
        """Take something."""
        self._held: list[str] | None = ["something"]

    async def close(self) -> None:
        """Give it back."""
        assert self._held is not None
        self._held = None

    @method(example={})
    async def ping(self) -> str:
        """Answer."""
        return "pong"


@broken("a run sees what another one did", "runs-apart")
class Sharing(Bridge):
    """Counts."""

    name = "sharing"

    def __init__(self) -> None:
        self._calls = 0

    @method(example={})
    async def calls(self) -> int:
        """Count the calls of this run."""
        self._calls += 1
        return self._calls


@broken("a handle is kept", "count.run-leaves-nothing", around=cleaned)
class KeepingHandles(Bridge):
    """Counts."""

    name = "keeping"

    @method(example={"start": 3})
    async def count(self, start: int) -> Count:
        """Make a number that grows."""
        KEPT.append(Count(start))
        return KEPT[-1]  # type: ignore[no-any-return] # it was put there


class Stubborn(Handle):
    """A handle that cannot be closed."""

    type_name = "stubborn"

    @method(example={})
    async def ping(self) -> str:
        """Answer."""
        return "pong"

    async def close(self) -> None:
        """Fail."""
        raise OSError("it is still in use")


@broken(
    "a handle that fails to close",
    "hold.run-leaves-nothing",
    "stubborn:ping.run-leaves-nothing",
    around=cleaned,
)
class HoldingOn(Bridge):
    """Holds."""

    name = "holding_on"

    @method(example={})
    async def hold(self) -> Stubborn:
        """Make something."""
        return Stubborn()


@broken("a handle is kept until the run ends", "count.left-early")
class KeepingForTheRun(Bridge):
    """Counts."""

    name = "keeping_for_the_run"
    scope = "run"

    def __init__(self) -> None:
        self._made: list[Count] = []

    @method(example={"start": 3})
    async def count(self, start: int) -> Count:
        """Make a number that grows."""
        self._made.append(Count(start))
        return self._made[-1]


@broken("a task is left", "ping.run-leaves-nothing", around=cleaned)
class LeavingTasks(Bridge):
    """Pings."""

    name = "leaving_tasks"

    @method(example={})
    async def ping(self) -> str:
        """Answer."""
        TASKS.append(asyncio.create_task(forever()))
        return "pong"


@broken("a thread is left", "ping.run-leaves-nothing", around=cleaned)
class LeavingThreads(Bridge):
    """Pings."""

    name = "leaving_threads"

    @method(example={})
    async def ping(self) -> str:
        """Answer."""
        threading.Thread(target=STOP.wait, daemon=True).start()
        return "pong"


@broken("a descriptor is left", "ping.run-leaves-nothing", around=cleaned)
class LeavingDescriptors(Bridge):
    """Pings."""

    name = "leaving_descriptors"

    @method(example={})
    async def ping(self) -> str:
        """Answer."""
        DESCRIPTORS.append(os.dup(0))
        return "pong"


@broken("a stream's source is left", "numbers.run-leaves-nothing", around=cleaned)
class LeavingStreams(Bridge):
    """Counts."""

    name = "leaving_streams"

    @method(example={"count": 3})
    async def numbers(self, count: int) -> AsyncIterator[int]:
        """Count."""
        DESCRIPTORS.append(os.dup(0))
        for number in range(min(count, 9)):
            yield number


@broken("a stream that is left goes on", "numbers.left-early", around=cleaned)
class GoingOn(Bridge):
    """Counts."""

    name = "going_on"

    @method(example={"count": 3})
    async def numbers(self, count: int) -> AsyncIterator[int]:
        """Count."""
        task = asyncio.create_task(forever())
        TASKS.append(task)
        for number in range(max(0, min(count, 200))):
            yield number
        task.cancel()  # only who reads to the end gets here


@broken("a stream that will not be left", "numbers.left-early")
class Clinging(Bridge):
    """Counts."""

    name = "clinging"

    @method(example={"count": 3})
    async def numbers(self, count: int) -> AsyncIterator[int]:
        """Count."""
        number = 0
        while number < min(count, 200):
            try:
                yield number
            except GeneratorExit:
                yield -1
            number += 1


class Lid(Handle):
    """A handle that closes the count that it lies on."""

    type_name = "lid"

    def __init__(self, count: Count) -> None:
        self._count = count

    @method(example={})
    async def ping(self) -> str:
        """Answer."""
        return "pong"

    async def close(self) -> None:
        """Close what others have, too."""
        await self._count.close()


@broken("a handle closes another one, which is closed already", "pot.closed-once")
class ClosingTwice(Bridge):
    """Makes pots."""

    name = "closing_twice"

    @method(example={})
    async def pot(self) -> list[Count | Lid]:
        """Make a number and what lies on it."""
        count = Count(3)
        return [count, Lid(count)]


class Numbers:
    """A stream that is no generator: it is closed by who reads it, and again by its bridge."""

    def __init__(self) -> None:
        self.left = 3

    def __aiter__(self) -> AsyncIterator[int]:
        """Be read."""
        return self

    async def __anext__(self) -> int:
        """Count down."""
        if not self.left:
            raise StopAsyncIteration
        self.left -= 1
        return self.left

    async def aclose(self) -> None:
        """Count no more."""
        self.left = 0


@broken("a stream is closed again when its bridge is", "numbers.closed-once")
class ClosingStreamsTwice(Bridge):
    """Counts."""

    name = "closing_streams_twice"
    scope = "run"

    def __init__(self) -> None:
        self._open: list[Numbers] = []

    @method(example={})
    async def numbers(self) -> AsyncIterator[int]:
        """Count down."""
        self._open.append(Numbers())
        return self._open[-1]

    async def close(self) -> None:
        """Close what a script may have left."""
        while self._open:
            await self._open.pop().aclose()
