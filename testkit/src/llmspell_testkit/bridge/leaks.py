"""What a process holds, counted: tasks, threads and descriptors, before and after."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

SETTLE_S = 1.0
"""How long what was closed may take to be gone: the other side of a socket, a thread's end."""

STILL_S = 0.1
"""How long nothing may change to be taken for settled."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What is held at one moment, each with a text that says what it is."""

    tasks: frozenset[str] = frozenset()
    threads: frozenset[str] = frozenset()
    descriptors: frozenset[str] = frozenset()

    def beyond(self, before: Held) -> dict[str, list[str]]:
        """List what there is more than `before`, by sort."""
        found = {}
        for sort in self.__struct_fields__:
            now, then = getattr(self, sort), getattr(before, sort)
            more = sorted(now - then)
            if more and len(now) > len(then):
                found[sort] = more
        return found

    def most(self, other: Held) -> Held:
        """Take of each sort what there was at the moment when it was more."""
        pairs = {sort: (getattr(self, sort), getattr(other, sort)) for sort in other.counts()}
        return Held(**{sort: max(pair, key=len) for sort, pair in pairs.items()})

    def counts(self) -> dict[str, int]:
        """Count what is held, by sort."""
        return {sort: len(getattr(self, sort)) for sort in self.__struct_fields__}


def held() -> Held:
    """Look at what this process holds now; idle threads of the loop's own pool do not count."""
    current = asyncio.current_task()
    tasks = {
        f"{task.get_name()} ({getattr(task.get_coro(), '__qualname__', '?')})"
        for task in asyncio.all_tasks()
        if task is not current
    }
    return Held(
        tasks=frozenset(tasks), threads=frozenset(_threads()), descriptors=frozenset(_open_files())
    )


def _threads() -> set[str]:
    frames = sys._current_frames()  # noqa: SLF001 - documented, and the only way to see a stack
    found = set()
    for thread in threading.enumerate():
        frame = frames.get(thread.ident or 0)
        idle = frame is not None and frame.f_code.co_name == "_worker"
        if thread.name.startswith("asyncio_") and idle:
            continue
        found.add(f"{thread.name} #{thread.ident}")
    return found


def _open_files() -> set[str]:
    found = set()
    folder = Path("/proc/self/fd") if Path("/proc/self/fd").is_dir() else Path("/dev/fd")
    for name in os.listdir(folder):  # noqa: PTH208 - the names alone
        try:
            found.add(f"{name} → {os.readlink(folder / name)}")  # noqa: PTH115
        except OSError:
            continue  # the one that the listing itself used
    return found


async def settled(before: Held, within_s: float | None = None) -> dict[str, list[str]]:
    """Wait until nothing more is held than `before`; return what there is after `SETTLE_S`."""
    loop = asyncio.get_running_loop()
    end = loop.time() + (SETTLE_S if within_s is None else within_s)
    pause_s = 0.0
    while (more := held().beyond(before)) and loop.time() < end:
        if pause_s in {0.0, 0.05}:  # at first, and again when it takes long
            gc.collect()
        await asyncio.sleep(pause_s)
        pause_s = min(0.05, pause_s + 0.005)
    return more


async def still(within_s: float) -> Held:
    """Wait until what is held stays the same for a while; return that, or what there is at last."""
    loop = asyncio.get_running_loop()
    end, since, last = loop.time() + within_s, loop.time(), held()
    while loop.time() < min(end, since + STILL_S):
        await asyncio.sleep(0.01)
        now = held()
        if now != last:
            since, last = loop.time(), now
    gc.collect()
    return held()


async def until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Wait until `condition` holds, for at most that long; say whether it does."""
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout_s
    while not condition():
        if loop.time() >= end:
            return False
        await asyncio.sleep(0.005)
    return True
