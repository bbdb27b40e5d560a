"""The kernel lock of a worker: the step of its start where Landlock and seccomp go.

`apply` is called once, by the worker's only thread, after the engine was imported, the socket
moved to its place, every other file descriptor closed and the rlimits set, and before the
engine's isolate is made and any script is seen. What runs after it needs: reads and writes of
the open descriptors, memory, threads, `prlimit` of the process itself (RLIMIT_DATA is set once
the isolate exists) and exit.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal


class LockReport:
    """What the lock achieved: the isolation `level`, and the `reason` if it is not ``locked``."""

    __slots__ = ("level", "reason")

    def __init__(self, level: Literal["locked", "process"], reason: str | None) -> None:
        """Keep both."""
        self.level = level
        self.reason = reason


def apply() -> LockReport:
    """Lock this process as far as the platform can, and report how far that is."""
    return LockReport("process", "this version has no kernel lock yet")
