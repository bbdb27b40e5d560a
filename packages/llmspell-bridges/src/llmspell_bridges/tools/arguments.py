"""A tool's arguments: by position or by name, as its schema wants them, and checked against it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_bridges.schema import MAX_BYTES, Misfit, UncheckableError, find_misfit, flaw
from llmspell_core import ConversionError, ValidationError
from llmspell_core.values import check_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_bridges.tools.tool import Tool

_LISTS = ("required", "enum", "anyOf", "allOf", "oneOf", "prefixItems", "examples", "type")
"""Keywords whose value is a list: in Lua, an empty list and an empty table look alike."""
_EXACT_FLOAT = 2**63


def order(parameters: dict[str, Any]) -> list[str]:
    """List the names by position: those `required`, in their order, then the other properties."""
    required = [name for name in parameters.get("required") or () if isinstance(name, str)]
    return list(dict.fromkeys([*required, *(parameters.get("properties") or {})]))


def by_name(tool: Tool, args: Sequence[Any]) -> dict[str, Any]:
    """Name the arguments of a script's call: by position, with a last table that names the rest.

    A single table names all of them, unless its keys are no arguments and the first argument may
    be a table itself.

    Raises:
        ValidationError: there are too many, or one is given twice.
    """
    names = order(tool.parameters)
    given = list(args)
    while given and given[-1] is None:
        given.pop()
    named: dict[str, Any] = {}
    if given and isinstance(given[-1], dict) and _names(tool, given, names):
        named = given.pop()
    if len(given) > len(names):
        known = f": {', '.join(names)}" if names else ""
        most = f"{len(names)} argument{'' if len(names) == 1 else 's'}"
        text = f"`tools.{tool.name}` takes at most {most}{known}; got {len(given)}"
        raise ValidationError(text)
    found = {n: v for n, v in zip(names, given, strict=False) if v is not None}
    for name in named:
        if name in found:
            text = f"argument `{name}` of `tools.{tool.name}` is given twice"
            raise ValidationError(text, argument=name)
    return {**found, **named}


def _names(tool: Tool, given: list[Any], names: list[str]) -> bool:
    """Say whether the last argument, a table, names arguments rather than being one."""
    position, table = len(given) - 1, given[-1]
    if position >= len(names):
        return True
    taken = _types(tool.parameters["properties"].get(names[position], {}))
    if taken and "object" not in taken and (table or "array" not in taken):
        return True
    required = set(tool.parameters.get("required") or ())
    return position == 0 and set(table) <= set(names) and required <= set(table)


async def checked(tool: Tool, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments as the schema wants them.

    Raises:
        ValidationError: they do not fit; it names the argument.
    """
    where = f"tools.{tool.name}"
    try:
        check_value(arguments)
    except ConversionError as error:
        text = (
            f"bad argument `{error.path}` to `{where}`: a tool takes data, no functions or objects"
        )
        raise ValidationError(text, argument=error.path) from None
    fitting: dict[str, Any] = _fitting(arguments, tool.parameters)
    try:
        found = await find_misfit(tool.parameters, fitting)
    except UncheckableError:
        found = None
    if found is None:
        return fitting
    path = found.path.removeprefix("$").removeprefix(".")
    if not path:
        # a property that is missing has no place of its own
        missing = (name for name in tool.parameters.get("required", ()) if name not in fitting)
        text = f"bad arguments to `{where}`: {found.message}"
        raise ValidationError(text, argument=next(missing, "args"))
    text = f"bad argument `{path}` to `{where}`: {found.message}"
    raise ValidationError(text, argument=path)


async def object_schema(parameters: dict[str, Any] | None) -> dict[str, Any]:
    """Return `parameters` as the JSON Schema of an object.

    Raises:
        ValueError: they are no such schema; it says where and why.
    """
    given: dict[str, Any] = _with_lists(parameters or {})
    schema = {"type": "object", "properties": {}, **given}
    if schema["type"] != "object":
        raise ValueError(
            f"arguments are an object, so its `type` is object, not {schema['type']!r}"
        )
    if len(msgspec.json.encode(schema)) > MAX_BYTES:
        raise ValueError("it is larger than 256 KiB")
    try:
        found: Misfit | None = await asyncio.to_thread(flaw, schema)
    except UncheckableError:
        raise ValueError("it is too large to be checked") from None
    if found is not None:
        raise ValueError(f"not a JSON Schema {found}")
    return schema


def _fitting(value: Any, schema: Any) -> Any:
    """Let the schema decide what a script's language cannot tell apart: 1.0 and 1, {} and []."""
    if not isinstance(schema, dict):
        return value
    types = _types(schema)
    if isinstance(value, float) and types == {"integer"} and value.is_integer():
        return int(value) if abs(value) < _EXACT_FLOAT else value
    if isinstance(value, dict):
        if not value and types == {"array"}:
            return []
        properties = schema.get("properties")
        known = properties if isinstance(properties, dict) else {}
        return {k: _fitting(v, known.get(k)) for k, v in value.items()}
    if isinstance(value, list):
        return [_fitting(item, schema.get("items")) for item in value]
    return value


def _types(schema: Any) -> set[str]:
    found = schema.get("type") if isinstance(schema, dict) else None
    names = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return {name for name in names if isinstance(name, str)}


def _with_lists(part: Any, *, keyword: bool = True) -> Any:
    """Make empty tables lists where a schema's keyword takes nothing else."""
    if isinstance(part, list):
        return [_with_lists(item) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        key: []
        if keyword and key in _LISTS and item == {}
        # below `properties` and `$defs` stand names of the spell's own
        else _with_lists(item, keyword=not keyword or key not in {"properties", "$defs"})
        for key, item in part.items()
    }
