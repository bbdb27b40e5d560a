"""What a host has at one moment: processes, descriptors, threads, tasks, objects, memory."""

from __future__ import annotations

import asyncio
import gc
import resource
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.soak.fates import Counter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_core import Runtime

SLOPE_BYTES = 1024
"""The most memory a spell may leave behind on average, over the second half of a soak."""
_PATIENCE_S = 20.0
_PAGE = resource.getpagesize()


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """Counts at rest, after a collection of garbage."""

    children: int
    descriptors: int
    threads: int
    tasks: int
    sessions: int
    handles: int
    workers: int
    rss_bytes: int

    def counts(self) -> dict[str, int]:
        """Return what must be the same at every rest: all but memory."""
        found = asdict(self)
        del found["rss_bytes"]
        return found


def children() -> set[int]:
    """List the children of this process, zombies included."""
    found: set[int] = set()
    for thread in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # the thread has just ended
            found |= {int(pid) for pid in (thread / "children").read_text("ascii").split()}
    return found


def descriptors() -> int:
    """Count the open descriptors of this process."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def rss_bytes() -> int:
    """Return the memory that this process has resident."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE


async def take(runtime: Runtime, pools: Sequence[Any], like: Census | None = None) -> Census:
    """Wait until the pools are at rest, with a zygote each, and count.

    What differs from `like` is counted again for a while: only what stays is a leak.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        for pool in pools:
            # a zygote or a spare that was killed before it was used is made again when needed
            pool.start()
        gc.collect()
        found = _count(runtime, pools)
        at_rest = all(_at_rest(pool) for pool in pools)
        same = like is None or found.counts() == like.counts()
        if (at_rest and same) or time.monotonic() > deadline:
            return found
        await asyncio.sleep(0.01)


def _count(runtime: Runtime, pools: Sequence[Any]) -> Census:
    return Census(
        children=len(children()),
        descriptors=descriptors(),
        threads=threading.active_count(),
        tasks=len(asyncio.all_tasks()),
        sessions=len(runtime._sessions),  # noqa: SLF001 - what a leak would be seen in
        handles=Counter.open,
        workers=sum(len(pool._workers) for pool in pools),  # noqa: SLF001
        rss_bytes=rss_bytes(),
    )


def _at_rest(pool: Any) -> bool:
    busy = pool._launches or pool._later or pool._waiting  # noqa: SLF001 - nothing public tells
    # the watcher's thread closes what it had open of a worker a moment after the worker's end
    busy = busy or pool._launcher.zygote.ended or not pool._watcher.asleep  # noqa: SLF001
    return not busy and pool.idle == len(pool._workers) == pool.spares  # noqa: SLF001


def slope_bytes(points: Sequence[tuple[int, int]]) -> float:
    """Fit a line through (spells, bytes) over the second half; return its bytes a spell."""
    half = points[len(points) // 2 :]
    mean_x = sum(x for x, _ in half) / len(half)
    mean_y = sum(y for _, y in half) / len(half)
    spread = sum((x - mean_x) ** 2 for x, _ in half)
    return sum((x - mean_x) * (y - mean_y) for x, y in half) / spread if spread else 0.0
