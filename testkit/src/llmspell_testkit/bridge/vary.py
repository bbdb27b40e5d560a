"""Other arguments than an example's: near ones, look-alikes, wrong ones; and comparing what they give."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from llmspell_core.values import HandleRef, TextRecord
from llmspell_testkit.bridge.lab import SCRIPT_FUNCTION, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Path = tuple[str | int, ...]

_WRONG: dict[str, list[Any]] = {
    "string": [7, True, ["a list"]],
    "integer": ["text", "7", True, 1.5],
    "number": ["text", "7", True],
    "boolean": [1, "true", ["a list"]],
    "array": [7, "text"],
    "object": [7, "text", ["a list"]],
}
_PLENTY = 24
"""The most variants of one example that are tried."""


class Varies:
    """Stands in an expected value for a part that differs from call to call."""

    def __repr__(self) -> str:
        return "…"


VARIES = Varies()


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """List the texts, numbers and truth values within an example, each with its place."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    elif isinstance(value, (str, int, float)) and not _is_function(value):
        yield path, value


def _is_function(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(SCRIPT_FUNCTION)


def replaced(value: Any, path: Sequence[str | int], instead: Any) -> Any:
    """Copy an example with what stands at `path` replaced."""
    made = copy.deepcopy(value)
    place = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = instead
    return made


def near(value: Any) -> list[Any]:
    """List other values of the same type."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, str):
        return [f"{value}2"]
    return [value + 1]


def edges(value: Any) -> list[Any]:
    """List values of the same type at which code stumbles."""
    if isinstance(value, bool):
        return []
    return ["", f"{value}2"] if isinstance(value, str) else [type(value)(0), type(value)(-1)]


def look_alikes(value: Any) -> list[Any]:
    """List values of other types that look the same."""
    if isinstance(value, bool):
        return [int(value), str(value).lower()]
    if isinstance(value, str):
        return [int(value)] if value.isdecimal() else []
    return [str(value)]


def variants(given: Mapping[str, Any], make: Any = near) -> Iterator[dict[str, Any]]:
    """Vary one leaf of an example at a time."""
    count = 0
    for path, value in leaves(dict(given)):
        for other in make(value):
            count += 1
            if count > _PLENTY:
                return
            yield replaced(dict(given), path, other)


def types_of(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> set[str] | None:
    """Name the JSON types that a schema allows; None where it allows any."""
    resolved = resolve(schema, whole)
    options = resolved.get("anyOf") or resolved.get("oneOf")
    if options:
        found: set[str] = set()
        for option in options:
            types = types_of(option, whole)
            if types is None:
                return None
            found |= types
        return found
    kind = resolved.get("type")
    if kind is None:
        return None
    return set(kind) if isinstance(kind, list) else {kind}


def resolve(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow a reference within a schema."""
    ref = schema.get("$ref", "")
    if not ref:
        return schema
    found: Mapping[str, Any] = whole.get("$defs", {}).get(ref.rpartition("/")[2], {})
    return found


def records(
    schema: Mapping[str, Any], value: Any, whole: Mapping[str, Any], path: Path = ()
) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Find the records within an example whose fields the schema lists, each with its schema."""
    resolved = resolve(schema, whole)
    options = [resolve(it, whole) for it in resolved.get("anyOf", [resolved])]
    if isinstance(value, dict):
        for option in options:
            if "properties" not in option:
                continue
            if path:
                yield path, option
            for key, item in value.items():
                inner = option["properties"].get(key, {})
                yield from records(inner, item, whole, (*path, key))
    elif isinstance(value, list):
        for option in options:
            for index, item in enumerate(value[:1]):
                yield from records(option.get("items") or {}, item, whole, (*path, index))


def wrong_values(types: set[str]) -> list[Any]:
    """List values that none of the JSON types allows."""
    found = [value for kind in sorted(types) for value in _WRONG.get(kind, [])]
    return [value for value in found if not _allowed(value, types)]


def _allowed(value: Any, types: set[str]) -> bool:
    kinds = {
        bool: {"boolean"},
        int: {"integer", "number"},
        float: {"number"},
        str: {"string"},
        list: {"array"},
        dict: {"object"},
    }[type(value)]
    return bool(kinds & types)


def shape(outcome: Outcome) -> Any:
    """Write an outcome so that two of them can be compared: handles by type, errors by kind."""
    if outcome.error is not None:
        return {"error": outcome.error.kind}
    return _shape(outcome.value)


def _shape(value: Any) -> Any:
    if isinstance(value, HandleRef):
        return f"<{value.type}>"
    if isinstance(value, TextRecord):
        fields = _shape(dict(value.fields))
        return {"text": str(value), "fields": fields}
    if isinstance(value, list):
        return [_shape(item) for item in value]
    if isinstance(value, dict):
        return {key: VARIES if _is_time(key, item) else _shape(item) for key, item in value.items()}
    return value


def _is_time(key: str, value: Any) -> bool:
    """Say whether a field is a measured time: two of them may be equal by chance."""
    return isinstance(value, float) and key.endswith(("_s", "_ms"))


def common(one: Any, other: Any) -> Any:
    """Keep what two shapes have in common; the rest becomes `VARIES`."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return {key: common(item, other[key]) for key, item in one.items()}
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [common(a, b) for a, b in zip(one, other, strict=True)]
    return one if one is VARIES or (type(one) is type(other) and one == other) else VARIES


def matches(expected: Any, got: Any) -> bool:
    """Say whether a shape is the expected one, where that does not vary."""
    if expected is VARIES:
        return True
    if isinstance(expected, dict) and isinstance(got, dict):
        same = expected.keys() == got.keys()
        return same and all(matches(item, got[key]) for key, item in expected.items())
    if isinstance(expected, list) and isinstance(got, list):
        same = len(expected) == len(got)
        return same and all(matches(a, b) for a, b in zip(expected, got, strict=True))
    return type(expected) is type(got) and bool(expected == got)
