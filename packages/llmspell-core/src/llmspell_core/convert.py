"""Conversion between script values and the types of a method's hints: the one place for it.

msgspec validates strictly; what a language cannot tell apart is decided by the type asked for
(DESIGN §5): an integral float satisfies `int`, text satisfies `bytes`, an empty map satisfies a
list. Pydantic models are accepted as types too, without this module importing pydantic.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

import msgspec

from llmspell_core.errors import InternalError, LlmspellError, ValidationError
from llmspell_core.values import HandleRef, TextRecord, join_path

if TYPE_CHECKING:
    from collections.abc import Callable

_NAMES = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "array": "list",
    "object": "map",
    "null": "null",
    "bytes": "bytes",
}
_EXACT_FLOAT = 2**63
_PLAIN = frozenset({type(None), bool, int, float, str, bytes})
"""Types that are script values as they are."""


def convert(value: Any, hint: Any, *, argument: str, where: str) -> Any:
    """Convert a script's value to the type `hint`, strictly.

    Raises:
        ValidationError: "bad argument `path` to `fs.read`: expected string, got integer".
    """
    try:
        try:
            return _convert(value, hint)
        except msgspec.ValidationError:
            return _convert(_coerce(value, hint), hint)
    except msgspec.ValidationError as error:
        path, what = _explain(str(error), argument)
        text = f"bad argument `{path}` to `{where}`: {what}"
        raise ValidationError(text, argument=path) from None


def _convert(value: Any, hint: Any) -> Any:
    # bytes are themselves: without `builtin_types`, msgspec would decode a str as base64
    return msgspec.convert(value, hint, strict=True, builtin_types=(bytes,), dec_hook=_dec_hook)


def _dec_hook(hint: type, value: object) -> object:
    """Convert to a type that msgspec does not know: a pydantic model, or a class of ours."""
    if hasattr(hint, "model_validate"):
        try:
            return hint.model_validate(value)
        except ValueError as error:
            raise msgspec.ValidationError(_pydantic_text(error)) from None
    if isinstance(value, hint):
        return value
    expected = getattr(hint, "type_name", hint.__name__.lower())
    got = _type_name(value)
    text = f"Expected `{expected}`, got `{got}`"
    raise msgspec.ValidationError(text)


def _pydantic_text(error: Any) -> str:
    first = error.errors()[0]
    path = ""
    for part in first["loc"]:
        path = join_path(path, part)
    return f"{first['msg']} - at `$.{path}`" if path else str(first["msg"])


def _type_name(value: object) -> str:
    for kind, name in ((bool, "bool"), (int, "int"), (float, "float"), (str, "str")):
        if isinstance(value, kind):
            return name
    if value is None:
        return "null"
    if isinstance(value, (list, dict)):
        return "array" if isinstance(value, list) else "object"
    return getattr(type(value), "type_name", type(value).__name__.lower())


def _explain(text: str, argument: str) -> tuple[str, str]:
    """Split msgspec's message into our path and our words."""
    what, _, tail = text.partition(" - at `$")
    path = argument + tail.rstrip("`") if tail else argument
    what = re.sub(
        r"`([a-z|_ ]+)`",
        lambda m: " or ".join(_NAMES.get(n.strip(), n.strip()) for n in m[1].split("|")),
        what,
    )
    what = re.sub(r"^Object (?=missing|contains)", "", what)
    return path.replace("[...]", "[…]"), what[:1].lower() + what[1:]


def _coerce(value: Any, hint: Any) -> Any:  # noqa: PLR0911 - one line for each kind of type
    """Let the asked-for type decide what the script's language cannot tell apart."""
    origin = get_origin(hint)
    if hasattr(hint, "__metadata__"):
        return _coerce(value, hint.__origin__)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct) and isinstance(value, dict):
        from typing import get_type_hints

        hints = get_type_hints(hint, include_extras=True)
        return {k: _coerce(v, hints.get(k, Any)) for k, v in value.items()}
    if hint is int and isinstance(value, float) and value.is_integer():
        return int(value) if -_EXACT_FLOAT <= value < _EXACT_FLOAT else value
    if hint is bytes and isinstance(value, str):
        return value.encode()
    if origin is list or hint is list:
        if value == {} and isinstance(value, dict):
            return []
        if isinstance(value, list) and get_args(hint):
            return [_coerce(item, get_args(hint)[0]) for item in value]
    if origin is dict and isinstance(value, dict) and get_args(hint):
        return {k: _coerce(v, get_args(hint)[1]) for k, v in value.items()}
    if _is_union(hint):
        return _coerce_union(value, get_args(hint))
    return value


def _coerce_union(value: Any, members: tuple[Any, ...]) -> Any:
    """Coerce to the first member of a union that then accepts the value."""
    for member in members:
        candidate = _coerce(value, member)
        try:
            _convert(candidate, member)
        except msgspec.ValidationError:
            continue
        return candidate
    return value


def _is_union(hint: Any) -> bool:
    origin = get_origin(hint)
    return origin is Union or getattr(origin, "__name__", "") == "UnionType"


def accepts_map(hint: Any) -> bool:
    """Say whether a value of type `hint` may be a map."""
    if hasattr(hint, "__metadata__"):
        return accepts_map(hint.__origin__)
    if _is_union(hint):
        return any(accepts_map(member) for member in get_args(hint))
    if hint is Any or hint is object or hint is dict or get_origin(hint) is dict:
        return True
    if not isinstance(hint, type):
        return get_origin(hint) is not None and get_origin(hint) not in (list, tuple, set)
    is_record = issubclass(hint, msgspec.Struct) or hasattr(hint, "model_validate")
    return is_record or hasattr(hint, "__total__") or hasattr(hint, "__dataclass_fields__")


def accepts_list(hint: Any) -> bool:
    """Say whether a value of type `hint` may be a list."""
    if hasattr(hint, "__metadata__"):
        return accepts_list(hint.__origin__)
    if _is_union(hint):
        return any(accepts_list(member) for member in get_args(hint))
    return hint is Any or hint is list or get_origin(hint) is list


def json_schema(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    """Describe `hint` as JSON Schema; named parts go to `definitions`."""
    template = "#/$defs/{name}"
    try:
        (schema,), parts = msgspec.json.schema_components(
            [hint], schema_hook=_schema_hook, ref_template=template
        )
    except TypeError:
        return {}
    definitions.update(parts)
    return schema


def _schema_hook(hint: type) -> dict[str, Any]:
    if hasattr(hint, "model_json_schema"):
        return dict(hint.model_json_schema())
    return {"description": f"a {getattr(hint, 'type_name', hint.__name__.lower())}"}


def to_value(  # noqa: PLR0911 - one line for each kind of type
    result: Any, adopt: Callable[[Any], Any], path: str = ""
) -> Any:
    """Turn what a bridge returned into a script value.

    Records lose the fields that are None: Lua's ``null`` is truthy, so absent is better.
    `adopt` is asked for anything else: it gives handles and streams their numbers.
    """
    if type(result) in _PLAIN or isinstance(result, (bytes, HandleRef)):
        return result
    if isinstance(result, (int, float)):
        return result.real  # the plain number of a subclass, such as an IntEnum
    if isinstance(result, TextRecord):
        fields = {
            k: v if type(v) in _PLAIN else to_value(v, adopt, join_path(path, k))
            for k, v in result.fields.items()
            if v is not None
        }
        return TextRecord(str(result), fields)
    if isinstance(result, str):
        return str(result)
    if isinstance(result, (list, tuple)):
        # paths are made for what may fail alone: 4 times faster on plain rows
        return [
            item if type(item) in _PLAIN else to_value(item, adopt, join_path(path, index))
            for index, item in enumerate(result)
        ]
    if isinstance(result, dict):
        return {
            str(k): v if type(v) in _PLAIN else to_value(v, adopt, join_path(path, str(k)))
            for k, v in result.items()
        }
    return _record(result, adopt, path)


def _record(result: Any, adopt: Callable[[Any], Any], path: str) -> Any:
    if isinstance(result, msgspec.Struct) and not isinstance(result, LlmspellError):
        adopted = adopt(result)
        if adopted is not result:
            return adopted
        items = {name: getattr(result, name) for name in result.__struct_fields__}
    elif hasattr(result, "model_dump"):
        items = result.model_dump(mode="python")
    elif hasattr(result, "__dataclass_fields__"):
        items = {name: getattr(result, name) for name in result.__dataclass_fields__}
    elif hasattr(result, "isoformat"):
        return result.isoformat()
    else:
        adopted = adopt(result)
        if adopted is not result:
            return adopted
        where = f" at `{path}`" if path else ""
        text = f"a bridge returned a {type(result).__name__}{where}, which is not a script value"
        raise InternalError(text)
    return {
        name: item if type(item) in _PLAIN else to_value(item, adopt, join_path(path, name))
        for name, item in items.items()
        if item is not None
    }
