"""One poller for all workers' memory: what the kernel's own limits do not count exactly.

RLIMIT_DATA counts addresses, not pages, and no shared memory; so resident memory is watched.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmspell_engines.host.process import Exit
    from llmspell_engines.host.worker import Worker

INTERVAL_S = 0.01
HEADROOM_BYTES = 32 * 1024 * 1024
"""Room beyond the spell's memory for the pump and for an engine's own, cleaner limit to act."""
_SHARE = 0.02
"""The most of a processor the poller may use: with many workers, each is seen less often."""
_GROWING_BYTES = 1024 * 1024
_PAGE = resource.getpagesize()


class _Watched:
    """A worker with its limit and what it used before its spell began."""

    __slots__ = ("baseline", "limit", "rss", "rss_floor", "statm", "status", "worker")

    def __init__(self, worker: Worker, memory_bytes: int) -> None:
        proc = f"/proc/{worker.pid}"
        self.statm = os.open(f"{proc}/statm", os.O_RDONLY | os.O_CLOEXEC)
        self.status = f"{proc}/status"
        self.worker = worker
        self.limit = memory_bytes + HEADROOM_BYTES
        self.rss = self.rss_floor = self.read_rss()
        self.baseline = self.read_exact()

    def read_rss(self) -> int:
        """Resident bytes, cheaply: shared pages of the engine's own code are among them."""
        return int(os.pread(self.statm, 200, 0).split(b" ", 2)[1]) * _PAGE

    def read_exact(self) -> int:
        """Resident bytes that are its own: anonymous and shared memory, no files."""
        total = 0
        with open(self.status, "rb") as lines:
            for line in lines:
                if line.startswith((b"RssAnon:", b"RssShmem:")):
                    total += int(line.split()[1]) * 1024
        return total

    def over(self) -> bool:
        """Whether it is above its limit now."""
        self.rss = self.read_rss()
        if self.rss - self.rss_floor <= self.limit:
            return False
        return self.read_exact() - self.baseline > self.limit


class MemoryPoller:
    """Kills a worker whose memory grew beyond its limit, with the reason ``memory``.

    Workers that grow are looked at every `INTERVAL_S`; the others in turn, as time allows. With
    nothing to watch it does not wake up. Linux only: elsewhere `watch` does nothing.
    """

    def __init__(self) -> None:
        """Nothing is watched yet."""
        self._workers: deque[_Watched] = deque()
        self._growing: set[_Watched] = set()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, worker: Worker, memory_bytes: int) -> None:
        """Hold `worker` to `memory_bytes` beyond what it uses now, until it ends."""
        if sys.platform != "linux" or worker.pid is None or worker.exit is not None:
            return
        try:
            watched = _Watched(worker, memory_bytes)
        except (OSError, IndexError):
            # just ended, or /proc hides it (hidepid): RLIMIT_DATA holds alone then
            return
        self._workers.append(watched)

        def forget(_: Exit) -> None:
            self._workers.remove(watched)
            self._growing.discard(watched)
            os.close(watched.statm)

        worker.on_exit(forget)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL_S, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if not self._workers:
            return
        began = time.perf_counter()
        for watched in tuple(self._growing):
            self._look(watched)
        for _ in range(len(self._workers)):
            if time.perf_counter() - began > INTERVAL_S * _SHARE:
                break
            watched = self._workers[0]
            self._workers.rotate(-1)
            if watched not in self._growing:
                self._look(watched)
        spent = time.perf_counter() - began
        delay = max(INTERVAL_S, spent / _SHARE)
        self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _look(self, watched: _Watched) -> None:
        before = watched.rss
        try:
            over = watched.over()
        except (OSError, IndexError):
            # it is ending: its pid file descriptor tells
            return
        if over:
            watched.worker.kill("memory")
        elif watched.rss - before > _GROWING_BYTES:
            self._growing.add(watched)
        else:
            self._growing.discard(watched)
