"""One thread that holds workers to their wall clock, their processor time and their memory.

A thread of its own: the event loop may be busy with other spells, with a library's import or with
what else the embedding program does, and a limit must hold then too.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from llmspell_engines.host.cpu import limit_processor_time, processor_time_s
from llmspell_engines.host.memory import MemoryUse

if TYPE_CHECKING:
    from llmspell_engines.host.worker import Worker

    Limit = Literal["timeout", "cpu", "memory"]

INTERVAL_S = 0.01
"""How often a worker is looked at."""
NEAR_INTERVAL_S = 0.002
"""How often while one of them has used more than half of its memory: it may take 4 GB a second."""
SHARE = 0.05
"""The most of a processor that looking may use: with many workers, each is seen less often."""


class Watched:
    """A worker, and what it is held to. The loop sets the limits, the watcher's thread looks."""

    __slots__ = (
        "_cpu_end_s",
        "_cpu_s",
        "_memory",
        "_pid",
        "deadline",
        "hit",
        "near",
        "over",
        "worker",
    )

    def __init__(self, worker: Worker, pid: int | None, memory_bytes: int | None = None) -> None:
        """Take what it has used so far as its floor: a spare's own start does not count.

        Without a process it is held to nothing.
        """
        self.worker = worker
        self._pid = pid
        self.deadline: float | None = None
        """When its wall clock is over, by `time.monotonic`."""
        self.over = False
        self.near = False
        self.hit: Limit | None = None
        self._cpu_s = 0.0
        self._cpu_end_s: float | None = None
        self._memory: MemoryUse | None = None
        if pid is not None and memory_bytes is not None and sys.platform == "linux":
            # just ended, or /proc hides it (hidepid): RLIMIT_DATA holds alone then
            with suppress(OSError):
                self._memory = MemoryUse(pid, memory_bytes)

    def limit_cpu(self, cpu_s: float) -> None:
        """Hold it to `cpu_s` seconds of processor time from now on; Linux only."""
        if self._pid is not None and sys.platform == "linux":
            with suppress(OSError):  # it has just ended
                end_s = processor_time_s(self._pid) + cpu_s
                limit_processor_time(self._pid, end_s)
                self._cpu_end_s = end_s

    def limit_time(self, seconds: float | None) -> None:
        """Hold it to `seconds` of wall clock from now on; None lifts that."""
        self.deadline = None if seconds is None else time.monotonic() + seconds

    def look(self) -> Limit | None:
        """Return the limit that it is beyond now, if any, but for the wall clock.

        `near` then says whether it goes on beyond half of its memory.

        Raises:
            OSError: it has ended.
        """
        self.near = False
        if self._pid is None or sys.platform != "linux":
            return None
        before, self._cpu_s = self._cpu_s, processor_time_s(self._pid)
        if self._cpu_s == before:
            return None  # it has not run, so it has not grown
        if self._cpu_end_s is not None and self._cpu_s >= self._cpu_end_s:
            return "cpu"
        if self._memory is None:
            return None
        over = self._memory.over()
        self.near = self._memory.near()
        return "memory" if over else None

    def starved(self, max_rss_bytes: int | None) -> bool:
        """Whether it may have crashed because it was refused memory; see `MemoryUse.starved`."""
        return self._memory is not None and self._memory.starved(max_rss_bytes)

    def close(self) -> None:
        """Let go of its files; the watcher's thread does, once it does not look any more."""
        if self._memory is not None:
            self._memory.close()


class Watcher:
    """Kills a worker that is beyond a limit, with that limit's name as the reason, and tells it.

    With nothing to watch its thread sleeps; it is started by the first worker.
    """

    def __init__(self) -> None:
        """Nothing is watched yet."""
        self._new: deque[Watched] = deque()
        self._watched: list[Watched] = []
        self._wake = threading.Event()
        self._idle = False
        self._closed = False
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def asleep(self) -> bool:
        """Whether there is nothing to watch."""
        return self._thread is None or (self._idle and not self._new)

    def watch(self, worker: Worker, memory_bytes: int | None) -> Watched:
        """Watch `worker` until it ends, if it is a process; return what it is held to.

        It may use `memory_bytes` beyond what it uses now.
        """
        if worker.pid is None or worker.exit is not None:
            return worker.watched
        watched = Watched(worker, worker.pid, memory_bytes)
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._run, name="llmspell-watch", daemon=True)
            self._thread.start()
        self._new.append(watched)
        if self._idle:
            self._wake.set()
        return watched

    def close(self) -> None:
        """End the thread, and wait for that."""
        self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    # -- in the thread --------------------------------------------------------------------

    def _run(self) -> None:
        look_at = 0.0
        while not self._closed:
            self._take_new()
            now = time.monotonic()
            if now >= look_at:
                look_at = now + self._look_at_all()
            deadline = self._end_late_ones()
            self._idle = not self._watched
            # what came before that was set did not wake anybody
            if not (self._idle and self._new):
                soon = max(0.0, min(look_at, deadline) - time.monotonic())
                self._wake.wait(None if self._idle else soon)
            self._idle = False
            self._wake.clear()
        for watched in (*self._watched, *self._new):
            watched.close()

    def _take_new(self) -> None:
        while self._new:
            self._watched.append(self._new.popleft())
        gone = [watched for watched in self._watched if watched.over]
        for watched in gone:
            self._watched.remove(watched)
            watched.close()

    def _look_at_all(self) -> float:
        """Look at each worker; return the seconds until the next time."""
        began = time.perf_counter()
        near = False
        for watched in self._watched:
            if watched.hit or watched.over:
                continue
            # it is ending: its pid file descriptor tells the loop
            with suppress(OSError):
                limit = watched.look()
                if limit is not None:
                    self._end(watched, limit)
            near = near or watched.near
        spent = time.perf_counter() - began
        return max(NEAR_INTERVAL_S if near else INTERVAL_S, spent / SHARE)

    def _end_late_ones(self) -> float:
        """End those whose wall clock is over; return when that of the next one will be."""
        now = time.monotonic()
        earliest = now + INTERVAL_S * 1000
        for watched in self._watched:
            deadline = watched.deadline
            if deadline is None or watched.hit or watched.over:
                continue
            if deadline <= now:
                self._end(watched, "timeout")
            else:
                earliest = min(earliest, deadline)
        return earliest

    def _end(self, watched: Watched, limit: Limit) -> None:
        watched.hit = limit
        watched.worker.kill(limit)
        assert self._loop is not None  # noqa: S101 - it was set before the thread was made
        # the loop is closed: nobody is interested any more
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(watched.worker.limit_hit, limit)
