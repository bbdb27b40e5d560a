"""What every engine in a worker offers: the protocol's own features, and a whole language's traits."""

from __future__ import annotations

COMMON = frozenset(
    {
        "int64",
        "binary",
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
"""The capabilities of the protocol."""

COMMON_TRAITS = frozenset({"invalid_text", "catching", "thrown_values", "dynamic_names"})
"""What both languages have by themselves."""
