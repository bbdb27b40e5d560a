"""The filters of templates: each takes a moment, and gives no more than `MAX_RESULT_CHARS`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jinja2 import StrictUndefined, UndefinedError
from jinja2.filters import do_title

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_RESULT_CHARS = 10 * 1024 * 1024
"""The longest text that a template may become."""
_DIGITS = 15


class TooLongError(Exception):
    """A filter would make more than `MAX_RESULT_CHARS` of it."""


def _bounded(make: Callable[..., Any]) -> Callable[..., Any]:
    def bounded(value: Any, *args: Any) -> Any:
        made = make(value, *args)
        if isinstance(made, str) and len(made) > MAX_RESULT_CHARS:
            raise TooLongError
        return made

    return bounded


def _join(value: Any, separator: str = "") -> str:
    parts = [as_text(item) for item in value] if isinstance(value, list) else [as_text(value)]
    if sum(map(len, parts)) + len(separator) * len(parts) > MAX_RESULT_CHARS:
        raise TooLongError
    return separator.join(parts)


def _round(value: Any, digits: int = 0) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UndefinedError("`round` takes a number")
    rounded = round(float(value), max(-_DIGITS, min(_DIGITS, digits)))
    return int(rounded) if digits == 0 and abs(rounded) < 2**53 else rounded


def _length(value: Any) -> int:
    if not isinstance(value, (str, list, dict)):
        raise UndefinedError("`length` takes a text, a list or a map")
    return len(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=repr)


def _default(value: Any, other: Any = "") -> Any:
    return other if value is None or isinstance(value, StrictUndefined) else value


def _truncate(value: Any, length: int = 255) -> str:
    whole = as_text(value)
    return whole if len(whole) <= length else f"{whole[: max(0, length - 3)]}..."


def _one(value: Any, index: int) -> Any:
    return value[index] if isinstance(value, (str, list)) and value else None


FILTERS: dict[str, tuple[Callable[..., Any], tuple[type, ...]]] = {
    "default": (_default, (object,)),
    "first": (lambda value: _one(value, 0), ()),
    "join": (_join, (str,)),
    "json": (_bounded(_json), ()),
    "last": (lambda value: _one(value, -1), ()),
    "length": (_length, ()),
    "lower": (_bounded(lambda value: as_text(value).lower()), ()),
    "round": (_round, (int,)),
    "title": (_bounded(lambda value: do_title(as_text(value))), ()),
    "trim": (lambda value: as_text(value).strip(), ()),
    "truncate": (_truncate, (int,)),
    "upper": (_bounded(lambda value: as_text(value).upper()), ()),
}
"""Each filter, and the types of its arguments, which are constants."""


def as_text(value: Any) -> str:
    """Write a value into a text: texts as they are, the rest as JSON, nothing as nothing."""
    if isinstance(value, StrictUndefined):
        return str(value)  # raises
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return _json(value)
