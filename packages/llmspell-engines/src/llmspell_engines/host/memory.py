"""The memory of one worker, beyond what it had before its spell began.

RLIMIT_DATA, which the worker sets itself, counts addresses, not pages, and no shared memory: so
resident memory is looked at from outside.
"""

from __future__ import annotations

import os
import resource

HEADROOM_BYTES = 32 * 1024 * 1024
"""Room beyond the spell's memory for the pump and for an engine's own, cleaner limit to act."""
_PAGE = resource.getpagesize()


class MemoryUse:
    """Reads what a process holds through its `/proc`; Linux only."""

    __slots__ = ("_baseline", "_limit", "_rss_floor", "_statm", "_status", "memory_bytes", "rss")

    def __init__(self, pid: int, memory_bytes: int) -> None:
        """Take what it has now as its floor; it may use `memory_bytes` beyond that.

        Raises:
            OSError: it just ended, or `/proc` hides it (hidepid).
        """
        proc = f"/proc/{pid}"
        self._statm = os.open(f"{proc}/statm", os.O_RDONLY | os.O_CLOEXEC)
        self._status = f"{proc}/status"
        self.memory_bytes = memory_bytes
        self._limit = memory_bytes + HEADROOM_BYTES
        try:
            self.rss = self._rss_floor = self._read_rss()
            self._baseline = self._read_own()
        except BaseException:
            self.close()
            raise

    def over(self) -> bool:
        """Look, and say whether it is above its limit and `HEADROOM_BYTES` now.

        Raises:
            OSError: it has ended.
        """
        self.rss = self._read_rss()
        if self.rss - self._rss_floor <= self._limit:
            return False
        return self.grown_bytes() > self._limit

    def near(self) -> bool:
        """Whether the last look found more than half of what it may have."""
        return 2 * (self.rss - self._rss_floor) > self.memory_bytes

    def grown_bytes(self) -> int:
        """Return what it has taken since it was first looked at, in bytes.

        Raises:
            OSError: it has ended.
        """
        return self._read_own() - self._baseline

    def starved(self, max_rss_bytes: int | None) -> bool:
        """Judge by its peak whether an engine that crashed may have been refused memory.

        What grows doubles: the block that it could not have may be as large as all it had.
        """
        return (
            max_rss_bytes is not None and 2 * (max_rss_bytes - self._rss_floor) > self.memory_bytes
        )

    def close(self) -> None:
        """Close the file."""
        os.close(self._statm)

    def _read_rss(self) -> int:
        """Resident bytes, cheaply: shared pages of the engine's own code are among them."""
        fields = os.pread(self._statm, 200, 0).split(b" ", 2)
        if len(fields) < 3:  # noqa: PLR2004 - size, resident, the rest
            raise ProcessLookupError
        return int(fields[1]) * _PAGE

    def _read_own(self) -> int:
        """Resident bytes that are its own: anonymous and shared memory, no files."""
        total = 0
        with open(self._status, "rb") as lines:
            for line in lines:
                if line.startswith((b"RssAnon:", b"RssShmem:")):
                    total += int(line.split()[1]) * 1024
        return total
