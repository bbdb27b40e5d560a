"""The processor time of one worker: read exactly, with the kernel's own limit behind it."""

from __future__ import annotations

import math
import sys
import time

_CPUCLOCK_SCHED = 2
_BACKSTOP_S = 1
"""How much later than the limit the kernel acts, in whole seconds, where nobody looks."""


def processor_time_s(pid: int) -> float:
    """Return the seconds that all threads of a process have computed so far; Linux only.

    Raises:
        OSError: there is no such process.
    """
    # as glibc's clock_getcpuclockid makes it: the pid's complement, and which clock of it
    return time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)


def limit_processor_time(pid: int, end_s: float) -> None:
    """Have the kernel end a process soon after `end_s` seconds of processor time; Linux only.

    RLIMIT_CPU is in whole seconds and counts from the process's start: a backstop, which sends
    SIGXCPU.
    """
    if sys.platform == "linux":
        import resource

        soft = math.ceil(end_s) + _BACKSTOP_S
        resource.prlimit(pid, resource.RLIMIT_CPU, (soft, soft + 1))
