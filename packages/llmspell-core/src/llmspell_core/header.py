"""The spell header: TOML in the script's comments, in the manner of PEP 723.

::

    -- /// spell
    -- description = "Research a topic"
    -- [params.topic]
    -- type = "string"
    -- default = "quantum computing"
    -- [needs]
    -- write = ["research/"]
    -- ///

It types and documents parameters and declares needs; it grants nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core.errors import ConfigurationError, ValidationError
from llmspell_core.signature import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

_OPEN = re.compile(r"^(--|//|#) /// spell[ \t]*\r?$", re.MULTILINE)
_LONG_KEY = re.compile(r"^[^=#\n]*(?:\.[^=#\n.]*){8}", re.MULTILINE)
TYPES = ("string", "integer", "number", "boolean", "list", "map")
_TRUE, _FALSE = ("true", "yes", "1", "on"), ("false", "no", "0", "off")


class Param(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One parameter of a spell, as its header declares it."""

    type: str = "string"
    description: str = ""
    default: Any = None
    required: bool = False
    choices: list[Any] | None = None


class Needs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a spell says it will ask for; shown to the user, never granted by itself."""

    read: list[str] = []
    write: list[str] = []
    net: list[str] = []
    env: list[str] = []
    tools: list[str] = []
    mcp: list[str] = []
    models: list[str] = []
    stdin: bool = False


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a spell says of itself; `declared` tells an empty header from none."""

    name: str = ""
    description: str = ""
    params: dict[str, Param] = {}
    needs: Needs = Needs()
    declared: bool = False


def parse_header(text: str, name: str = "spell") -> Header:
    """Read the header of a spell's source; a spell without one has an empty header.

    Raises:
        ConfigurationError: it is not closed, not TOML, or has an unknown key; `line` says where.
    """
    opening = _OPEN.search(text)
    if opening is None:
        return Header()
    mark = opening[1]
    first = text.count("\n", 0, opening.start()) + 1
    lines: list[str] = []
    for number, line in enumerate(text[opening.end() :].splitlines()[1:], start=first + 1):
        if line.strip() == f"{mark} ///":
            break
        if not line.startswith(mark):
            raise _error(f"the header that opens on line {first} is not closed", name, number)
        lines.append(line[len(mark) :].removeprefix(" "))
    else:
        raise _error(f"the header that opens on line {first} is not closed", name, first)
    return _typed(_toml("\n".join(lines), name, first), name, first)


def _toml(text: str, name: str, first: int) -> dict[str, Any]:
    import tomllib

    if _LONG_KEY.search(text):
        # tomllib needs memory quadratic in a key's parts: 800 KB of `a.a.a…` kill the process
        raise _error("the spell's header has a key of more than 8 parts", name, first)
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        where = re.search(r"\(at line (\d+), column \d+\)", str(error))
        line = first + int(where[1]) if where else first + text.count("\n") + 1
        what = re.sub(r" \(at .*\)", "", str(error))
        raise _error(f"the spell's header is not TOML: {what}", name, line) from None


def _typed(data: dict[str, Any], name: str, first: int) -> Header:
    data.pop("declared", None)
    try:
        header = msgspec.convert({**data, "declared": True}, Header)
    except msgspec.ValidationError as error:
        raise _error(f"the spell's header is wrong: {error}", name, first) from None
    for key, param in header.params.items():
        if param.type not in TYPES:
            text = f"params.{key}: unknown type {param.type!r}{nearest(param.type, TYPES)}"
            raise _error(text, name, first)
        try:
            if param.default is not None:
                _check(key, param.default, param)
        except ValidationError as error:
            raise _error(f"params.{key}.default: {error}", name, first) from None
    return header


def _error(text: str, name: str, line: int) -> ConfigurationError:
    return ConfigurationError(f"{name}:{line}: {text}", file=name, line=line)


def resolve_params(header: Header, given: Mapping[str, Any]) -> dict[str, Any]:
    """Check parameters against the header and fill in its defaults.

    Text for a parameter of another type is parsed, since a command line has only text. A spell
    that declares no parameters takes any.

    Raises:
        ValidationError: one is missing, unknown or of the wrong type.
    """
    if not header.params:
        return dict(given)
    for key in given:
        if key not in header.params and key != "stdin":
            text = f"unknown parameter `{key}`{nearest(key, list(header.params))}"
            raise ValidationError(text, argument=key)
    values = dict(given)
    for key, param in header.params.items():
        if key in values:
            values[key] = _check(key, _parse(key, values[key], param), param)
        elif param.default is not None:
            values[key] = param.default
        elif param.required:
            text = f"missing parameter `{key}`; give it with --param {key}=…"
            raise ValidationError(text, argument=key)
    return values


def _parse(key: str, value: Any, param: Param) -> Any:
    """Read text as the declared type."""
    if not isinstance(value, str) or param.type == "string":
        return value
    try:
        if param.type == "integer":
            return int(value)
        if param.type == "number":
            return float(value)
        if param.type == "boolean" and value.lower() in (*_TRUE, *_FALSE):
            return value.lower() in _TRUE
        if param.type in ("list", "map"):
            return msgspec.json.decode(value)
    except (ValueError, msgspec.DecodeError):
        pass
    text = f"parameter `{key}`: expected {param.type}, got {value!r}"
    raise ValidationError(text, argument=key)


def _check(key: str, value: Any, param: Param) -> Any:
    kinds: dict[str, tuple[type, ...]] = {
        "string": (str,),
        "integer": (int,),
        "number": (int, float),
        "boolean": (bool,),
        "list": (list,),
        "map": (dict,),
    }
    wrong_bool = isinstance(value, bool) and param.type != "boolean"
    if not isinstance(value, kinds[param.type]) or wrong_bool:
        text = f"parameter `{key}`: expected {param.type}, got {value!r}"
        raise ValidationError(text, argument=key)
    if param.choices is not None and value not in param.choices:
        choices = ", ".join(str(choice) for choice in param.choices)
        text = f"parameter `{key}`: {value!r} is not one of {choices}"
        raise ValidationError(text, argument=key)
    return value
