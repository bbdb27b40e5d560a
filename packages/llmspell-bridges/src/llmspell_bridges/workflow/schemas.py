"""JSON Schemas between steps: whether what one step gives can be what the next one takes."""

from __future__ import annotations

from typing import Any

import msgspec

from llmspell_bridges.schema import MAX_BYTES, UncheckableError, find_misfit, flaw
from llmspell_core import ValidationError

_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_DEEPEST = 32
_MOST_PAIRS = 10_000
"""How many values of enumerations are compared."""


def schema_flaw(schema: dict[str, Any]) -> str | None:
    """Say what is wrong with a schema; it may take a fifth of a second: call it in a thread."""
    try:
        if len(msgspec.json.encode(schema)) > MAX_BYTES:
            return "it is larger than 256 KiB"
        found = flaw(schema)
    except UncheckableError:
        return "it is too large to be checked"
    except TypeError:
        return "a schema is data"
    return None if found is None else f"not a JSON Schema {found}"


async def fits(schema: dict[str, Any] | None, value: Any, what: str) -> None:
    """Pass if `value` fits; `what` is how the error calls it.

    Raises:
        ValidationError: it says where it does not fit, and why.
    """
    if schema is None:
        return
    try:
        found = await find_misfit(schema, value)
    except UncheckableError:
        return
    if found is not None:
        raise ValidationError(f"{what} does not fit its schema {found}", argument=found.path)


def compared(gives: Any, takes: Any, path: str = "$", depth: int = 0) -> tuple[bool, str | None]:
    """Say what of `gives` does not fit `takes`, and whether that is sure.

    Only what both schemas say plainly is compared: types, required properties, enumerations, and
    the same of properties and items. Anything else is left to the run.
    """
    if not isinstance(gives, dict) or not isinstance(takes, dict) or depth > _DEEPEST:
        return False, None
    given, taken = _types(gives), _types(takes)
    if "integer" in given and "number" in taken:
        given = {*given - {"integer"}, "number"}
    if not given & {*taken, *(("number",) if "integer" in taken else ())}:
        words = f"{' or '.join(sorted(_types(gives)))}, not {' or '.join(sorted(_types(takes)))}"
        return True, f"at `{path}` stands {words}"
    wrong = _enumerated(gives, takes, path)
    if wrong:
        return True, wrong
    return _within(gives, takes, path, depth)


def _within(
    gives: dict[str, Any], takes: dict[str, Any], path: str, depth: int
) -> tuple[bool, str | None]:
    doubt: str | None = None
    given, wanted = _properties(gives), _properties(takes)
    for name in takes.get("required") or () if _types(gives) == {"object"} else ():
        if name not in given and gives.get("additionalProperties") is False:
            return True, f"at `{path}` there is no `{name}`"
        if name not in (gives.get("required") or ()):
            doubt = doubt or f"at `{path}` there may be no `{name}`"
    pairs = [(given[name], wanted[name], f"{path}.{name}") for name in wanted if name in given]
    if "items" in gives and "items" in takes:
        pairs.append((gives["items"], takes["items"], f"{path}[]"))
    for left, right, where in pairs:
        sure, wrong = compared(left, right, where, depth + 1)
        if wrong and sure and not where.endswith("[]"):
            return sure, wrong
        doubt = doubt or wrong
    return False, doubt


def _properties(schema: dict[str, Any]) -> dict[str, Any]:
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


def _enumerated(gives: dict[str, Any], takes: dict[str, Any], path: str) -> str | None:
    given, taken = _values(gives), _values(takes)
    if given is None or taken is None or len(given) * len(taken) > _MOST_PAIRS:
        return None
    if any(value in taken for value in given):
        return None
    return f"at `{path}` no value that is given is one that is taken"


def _values(schema: dict[str, Any]) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    found = schema.get("enum")
    return found if isinstance(found, list) else None


def _types(schema: dict[str, Any]) -> set[str]:
    found = schema.get("type")
    names = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return {name for name in names if name in _TYPES} or set(_TYPES)
