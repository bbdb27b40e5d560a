"""What every engine in a worker offers: the protocol's own features."""

from __future__ import annotations

COMMON = frozenset(
    {
        "int64",
        "callbacks",
        "concurrency",
        "handles",
        "streams",
        "text_records",
        "builders",
        "hard_timeout",
        "memory_limit",
        "includes",
    }
)
