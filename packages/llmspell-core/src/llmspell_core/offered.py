"""Which capability of an engine it takes to hold a value: what it declines, it must not be given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell_core.values import BuilderRef, CallbackRef, HandleRef, TextRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from llmspell_core.values import Value

_EXACT_INT = 2**53
"""Beyond it an engine needs integers of 64 bits to keep a number's value."""
_PLAIN = frozenset({type(None), bool, float, str, list, dict})
"""Types that every engine holds."""


def declined_in(value: Value, offered: AbstractSet[str]) -> str | None:
    """Name a capability that `value` needs and that is not `offered`; None if there is none."""
    return next((needed for needed in needed_for(value) if needed not in offered), None)


def needed_for(value: Value) -> Iterator[str]:
    """Name the capabilities that an engine needs to hold a value, once for each part."""
    for part in _parts(value):
        needed = None if type(part) in _PLAIN else _needed(part)
        if needed is not None:
            yield needed


def _needed(part: Value) -> str | None:
    if isinstance(part, int):
        return None if -_EXACT_INT <= part <= _EXACT_INT else "int64"
    if isinstance(part, bytes):
        return "binary"
    if isinstance(part, TextRecord):
        return "text_records"
    if isinstance(part, HandleRef):
        return "streams" if part.type == "stream" else "handles"
    if isinstance(part, CallbackRef):
        return "callbacks"
    return "builders" if isinstance(part, BuilderRef) else None


def _parts(value: Value) -> Iterator[Value]:
    """Give a value and all that is in it, a text record's fields too; a builder stands for itself."""
    left = [value]
    while left:
        part = left.pop()
        yield part
        if isinstance(part, list):
            left.extend(part)
        elif isinstance(part, dict):
            left.extend(part.values())
        elif isinstance(part, TextRecord):
            left.extend(part.fields.values())
