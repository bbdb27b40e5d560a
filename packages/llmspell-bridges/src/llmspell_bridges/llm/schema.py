"""Whether an answer's value fits the JSON Schema that was asked for, in bounded time.

A script's schema must not hang the host: patterns (`pattern`, `patternProperties`, and what depends
on them) are not checked, references outside the schema are not fetched, and the rest stops after
`_DEADLINE_S`. What cannot be checked is not an error: the value stays, marked as unchecked.
"""

from __future__ import annotations

import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_DEADLINE_S = 0.2
_MAX_BYTES = 256 * 1024  # of the schema and of the answer: no single step is longer than these
_PATTERNS = ("pattern", "patternProperties", "propertyNames", "format", "uniqueItems")
"""Regular expressions may take for ever, and so does comparing each item with each other."""
_BY_PATTERNS = ("additionalProperties", "unevaluatedProperties", "unevaluatedItems")
"""These look at patterns themselves; the last two walk the schema without being counted."""
_TEXT_LENGTH = 300


class _TooMuchError(Exception):
    """The check takes too long."""


def misfit(schema: dict[str, Any], schema_bytes: int, value: Any, value_bytes: int) -> str | None:
    """Say where `value` does not fit `schema`: an empty text when it does, None when nobody knows.

    It may take a fifth of a second: call it in a thread.
    """
    if max(schema_bytes, value_bytes) > _MAX_BYTES:
        return None
    checker = _checker(schema, time.monotonic() + _DEADLINE_S)
    try:
        error = next(checker.iter_errors(value), None)
    except Exception:  # noqa: BLE001 - a schema that is none, or refers to what is not there: anything
        return None
    if error is None:
        return ""
    return f"at `{error.json_path}`: {str(error.message)[:_TEXT_LENGTH]}"


def _checker(schema: dict[str, Any], deadline: float) -> Any:
    jsonschema: Any = import_module("jsonschema")  # untyped
    referencing: Any = import_module("referencing")
    draft = jsonschema.Draft202012Validator
    keywords = {name: _bounded(check, deadline) for name, check in draft.VALIDATORS.items()}
    keywords.update(dict.fromkeys(_PATTERNS, _unchecked))
    for name in _BY_PATTERNS[1:]:
        keywords[name] = _unchecked
    keywords["additionalProperties"] = _without_patterns(keywords["additionalProperties"])
    # jsonschema's own registry would fetch what a reference names.
    registry = referencing.Registry()
    return jsonschema.validators.extend(draft, keywords)(schema, registry=registry)


def _bounded(check: Callable[..., Any], deadline: float) -> Callable[..., Iterator[Any]]:
    def bounded(*given: Any) -> Iterator[Any]:
        if time.monotonic() > deadline:
            raise _TooMuchError
        yield from check(*given) or ()

    return bounded


def _unchecked(*_: Any) -> Iterator[Any]:
    return iter(())


def _without_patterns(check: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
    def checked(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if "patternProperties" not in schema:
            yield from check(validator, value, instance, schema)

    return checked
