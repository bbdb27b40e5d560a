"""Narrow a JSON Schema to what a small model can be trusted with.

What matches the narrowed schema matches the original. JSON Schema lets an object have any further
property, a string any length, a list any number of items; left to that, a model of 135 million
parameters now and then goes round in circles until the token limit cuts its JSON in two.
"""

from __future__ import annotations

from typing import Any

MAX_STRING_CHARS = 200
MAX_ITEMS = 16
# Under `allOf` the parts of one object are apart: closing one would contradict the next.
_UNTOUCHED = frozenset({"allOf", "not", "const", "enum", "default", "examples"})
_MAPS = frozenset({"properties", "patternProperties", "$defs", "definitions"})
_OPEN = frozenset({"additionalProperties", "patternProperties", "allOf", "unevaluatedProperties"})
_BOUNDED_TEXT = frozenset({"maxLength", "enum", "const", "format", "pattern"})


def narrowed(schema: dict[str, Any]) -> dict[str, Any]:
    """Copy a schema with closed objects, and bounds on strings and lists that have none."""
    copy = dict(schema)
    for key, item in schema.items():
        if key in _MAPS and isinstance(item, dict):
            copy[key] = {name: _part(part) for name, part in item.items()}
        elif key not in _UNTOUCHED:
            copy[key] = _part(item)
    types = copy.get("type")
    kinds = types if isinstance(types, list) else [types]
    if isinstance(copy.get("properties"), dict) and not _OPEN.intersection(copy):
        copy["additionalProperties"] = False
    if "string" in kinds and not _BOUNDED_TEXT.intersection(copy):
        copy["maxLength"] = max(MAX_STRING_CHARS, copy.get("minLength", 0))
    if "array" in kinds and "maxItems" not in copy:
        copy["maxItems"] = max(MAX_ITEMS, copy.get("minItems", 0))
    return copy


def _part(value: Any) -> Any:
    if isinstance(value, list):
        return [_part(item) for item in value]
    return narrowed(value) if isinstance(value, dict) else value
