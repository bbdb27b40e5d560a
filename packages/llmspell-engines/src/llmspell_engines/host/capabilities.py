"""What every engine in a worker offers: the protocol's own features, and a whole language."""

from __future__ import annotations

COMMON = frozenset(
    {
        "int64",
        "binary",
        "invalid_text",
        "catching",
        "thrown_values",
        "dynamic_names",
        "stdlib",
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
