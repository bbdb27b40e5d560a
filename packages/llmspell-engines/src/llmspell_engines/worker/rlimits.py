"""Resource limits of a worker, set by itself.

RLIMIT_AS is not among them (V8 reserves 1.4 TB of addresses), nor RLIMIT_FSIZE (0 would silence
output sent to a file), nor RLIMIT_NPROC (it counts per user, threads too).
"""

from __future__ import annotations

import os
import resource

HEADROOM_BYTES = 64 * 1024 * 1024
"""Room beyond the spell's memory for the pump: a message of 16 MiB exists up to four times."""
_UNTOUCHED = 2
"""One part in so many of the memory is room too: V8 asks for more than it touches, and is better
ended by the host, which looks at what is touched, than by a refusal, of which it dies without a word."""

_PAGE = resource.getpagesize()
_STATM_DATA = 5


def forbid_core_dumps() -> None:
    """Leave no image of the worker's memory behind, however it dies."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def data_bytes(statm: int) -> int:
    """Read this process's private writable memory from an open `/proc/self/statm`."""
    return int(os.pread(statm, 200, 0).split()[_STATM_DATA]) * _PAGE


def limit_data(baseline: int, memory_bytes: int) -> None:
    """Let private writable memory grow by `memory_bytes` beyond `baseline`, and no further.

    The baseline is measured once the engine and its isolate exist: V8's code range alone counts
    about 530 MB. Beyond it allocations fail: cleanly in Lua, fatally in V8.
    """
    most = baseline + memory_bytes + max(HEADROOM_BYTES, memory_bytes // _UNTOUCHED)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
