"""When host and worker wait for each other awake: see `host/awake.py` and `worker/pump.py`.

Both sides use this module, so it imports next to nothing, as `protocol.py` does.
"""

from __future__ import annotations

import os

QUICK_S = 0.0001
"""What came within this time of the last word is awaited awake the next time, as long."""


def several_processors() -> bool:
    """Say whether this process may use more than one: while one side waits awake, the other runs."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) > 1
    return (os.cpu_count() or 1) > 1
