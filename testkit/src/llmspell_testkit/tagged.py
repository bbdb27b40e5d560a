"""Values as case files write them, and the typed difference between two values.

TOML tells text, integers, floats, booleans, lists and tables apart. What it lacks is tagged: a
table whose only key is one of `TAGS`, such as ``{ "$null" = true }``.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core.values import TextRecord, join_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SHOWN = 120


class Matches(msgspec.Struct, frozen=True):
    """Any text in which the regular expression `pattern` is found."""

    pattern: str


class OfType(msgspec.Struct, frozen=True):
    """Any value of a type, named as `type_of` names it."""

    name: str


def _repeat(data: dict[str, Any]) -> str:
    text, times = data["repeat"], data["times"]
    return str(text) * int(times)


def _float(text: str) -> float:
    return float(text)


TAGS: dict[str, Callable[[Any], Any]] = {
    "$null": lambda _: None,
    "$int": int,
    "$float": _float,
    "$bytes": bytes.fromhex,
    "$text": _repeat,
    "$map": lambda pairs: {key: read_tagged(item) for key, item in pairs},
    "$match": lambda pattern: Matches(re.compile(pattern).pattern),
    "$type": OfType,
}
"""What each tag's value is turned into: ``$int`` and ``$float`` take text, ``$bytes`` hex digits,
``$text`` ``{repeat, times}``, ``$map`` pairs (for keys that look like tags). ``$match`` and ``$type``
stand for many values and make sense in expectations only."""


def read_tagged(data: Any) -> Any:
    """Turn what a case file holds into the value it means.

    Raises:
        ValueError: an unknown tag, or a tag's value is not what the tag takes.
    """
    if isinstance(data, list):
        return [read_tagged(item) for item in data]
    if not isinstance(data, dict):
        return data
    tag = next((key for key in data if key.startswith("$")), None)
    if tag is None:
        return {key: read_tagged(item) for key, item in data.items()}
    if len(data) != 1 or tag not in TAGS:
        text = f"a table with the key {tag} is not one tag of {', '.join(TAGS)}; is it a $map?"
        raise ValueError(text)
    try:
        return TAGS[tag](data[tag])
    except (TypeError, KeyError, ValueError, re.error) as error:
        text = f"bad value for {tag}: {error}"
        raise ValueError(text) from None


def write_tagged(value: Any) -> Any:  # noqa: PLR0911 - one line for each kind of value
    """Turn a value into what a case file, or JSON, would hold for it: `read_tagged` reads it."""
    match value:
        case None:
            return {"$null": True}
        case bytes():
            return {"$bytes": value.hex()}
        case float() if not math.isfinite(value):
            return {"$float": repr(value)}
        case list():
            return [write_tagged(item) for item in value]
        case dict() if any(key.startswith("$") for key in value):
            return {"$map": [[key, write_tagged(item)] for key, item in value.items()]}
        case dict():
            return {key: write_tagged(item) for key, item in value.items()}
    return value


def type_of(value: object) -> str:
    """Name a value's type as the contract does: ``int``, ``float``, ``text``, ``bytes`` and so on."""
    if value is None:
        return "null"
    names = (
        (bool, "bool"),
        (int, "int"),
        (float, "float"),
        (TextRecord, "text record"),
        (str, "text"),
        (bytes, "bytes"),
        (list, "list"),
        (dict, "map"),
    )
    for cls, name in names:
        if isinstance(value, cls):
            return name
    return type(value).__name__


def show(value: object) -> str:
    """Write a value with its type, on one line and cut where it is long: ``float 2.0``."""
    kind = type_of(value)
    if isinstance(value, Matches):
        return f"text matching /{value.pattern}/"
    if isinstance(value, OfType):
        return f"any {value.name}"
    if value is None:
        return kind
    if isinstance(value, bytes):
        body = value.hex()
    elif isinstance(value, str):
        body = json.dumps(str(value), ensure_ascii=False)
    elif isinstance(value, list):
        body = "[" + ", ".join(show(item) for item in value[:8]) + ("…]" if value[8:] else "]")
    elif isinstance(value, dict):
        body = "{" + ", ".join(f"{key}: {show(item)}" for key, item in value.items()) + "}"
    else:
        body = repr(value).lower() if isinstance(value, bool) else repr(value)
    return f"{kind} {body if len(body) <= _SHOWN else body[:_SHOWN] + '…'}"


def differences(expected: Any, got: Any, path: str = "") -> Iterator[str]:
    """List where `got` is not `expected`, types included: ``[1] int 2 ≠ float 2.0``; see `plain`."""
    for line in _differences(expected, got, path):
        yield plain(line)


def plain(text: str, *, keep: str = "") -> str:
    """Write by its number what a terminal would obey instead of show, but for what is in `keep`."""
    return "".join(c if c.isprintable() or c in keep else ascii(c)[1:-1] for c in text)


def _differences(expected: Any, got: Any, path: str) -> Iterator[str]:
    where = f"{path} " if path else ""
    if isinstance(expected, list) and isinstance(got, list):
        for index in range(max(len(expected), len(got))):
            here = join_path(path, index)
            if index >= len(got):
                yield f"{here} {show(expected[index])} ≠ nothing"
            elif index >= len(expected):
                yield f"{here} nothing ≠ {show(got[index])}"
            else:
                yield from _differences(expected[index], got[index], here)
    elif isinstance(expected, dict) and isinstance(got, dict):
        for key in sorted({*expected, *got}):
            here = join_path(path, key)
            if key not in got:
                yield f"{here} {show(expected[key])} ≠ nothing"
            elif key not in expected:
                yield f"{here} nothing ≠ {show(got[key])}"
            else:
                yield from _differences(expected[key], got[key], here)
    elif not _same(expected, got):
        yield f"{where}{show(expected)} ≠ {show(got)}"


def _same(expected: Any, got: Any) -> bool:
    """Compare two values that are not both lists or both maps; 1, 1.0 and true all differ."""
    if isinstance(expected, Matches):
        return isinstance(got, str) and re.search(expected.pattern, got) is not None
    if isinstance(expected, OfType):
        return type_of(got) == expected.name
    if type_of(expected) != type_of(got):
        return False
    if isinstance(expected, float):
        same_sign = math.copysign(1.0, expected) == math.copysign(1.0, got)
        return (math.isnan(expected) and math.isnan(got)) or (expected == got and same_sign)
    return bool(expected == got)
