"""Whether a value fits a JSON Schema that a script, a model or a server gave, in bounded time.

Most checks take microseconds and are done at once (`find_misfit`); what takes longer goes on in a thread.

Such a schema must not hang the host: patterns (`pattern`, `patternProperties`, and what depends
on them) are not checked, references outside the schema are not fetched, and the rest stops after
`_DEADLINE_S`. What cannot be checked is not an error: the value stays, marked as unchecked.
"""

from __future__ import annotations

import asyncio
import sys
import time
from contextvars import ContextVar
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_BYTES = 256 * 1024
"""The largest schema that is checked: no single step takes longer than its size."""
_DEADLINE_S = 0.2
"""Processor time of the thread: on a busy machine a check takes longer, and is not given up."""
_AT_ONCE_S = 0.002
"""How long a check may hold the event loop up: a thread costs a tenth of that."""
_PATTERNS = ("pattern", "patternProperties", "propertyNames", "format", "uniqueItems")
"""Regular expressions may take for ever, and so does comparing each item with each other."""
_BY_PATTERNS = ("additionalProperties", "unevaluatedProperties", "unevaluatedItems")
"""These look at patterns themselves; the last two walk the schema without being counted."""
_TEXT_LENGTH = 300
_deadline: ContextVar[float] = ContextVar("_deadline")


class _TooMuchError(Exception):
    """The check takes too long."""


class Misfit(msgspec.Struct, frozen=True, kw_only=True):
    """Where a value does not fit (``$.items[0].name``; ``$`` is all of it), and what is wrong."""

    path: str
    message: str

    def __str__(self) -> str:
        """Say both."""
        return f"at `{self.path}`: {self.message}"


class UncheckableError(Exception):
    """Nobody knows whether the value fits: the check takes too long, or the schema is wrong."""


async def find_misfit(schema: dict[str, Any], value: Any) -> Misfit | None:
    """Find the first place where `value` does not fit `schema`, which is at most `MAX_BYTES` long.

    Raises:
        UncheckableError: it takes too long, or the schema is none.
    """
    if "jsonschema" in sys.modules:  # importing it takes longer than any check
        try:
            return misfit(schema, value, _AT_ONCE_S)
        except UncheckableError as error:
            if not isinstance(error.__cause__, _TooMuchError):
                raise
    return await asyncio.to_thread(misfit, schema, value)


def misfit(schema: dict[str, Any], value: Any, deadline_s: float = _DEADLINE_S) -> Misfit | None:
    """Find the first misfit as `find_misfit` does, but at once: call it in a thread.

    Raises:
        UncheckableError: it takes too long, or the schema is none.
    """
    return _first(_validator()(schema, registry=_nowhere()), value, deadline_s)


def flaw(schema: dict[str, Any]) -> Misfit | None:
    """Find the first place where `schema` is no JSON Schema, or refers to what is not in it.

    It may take a fifth of a second: call it in a thread.

    Raises:
        UncheckableError: it takes too long: the schema is too large.
    """
    jsonschema, known = _library("jsonschema"), _library("jsonschema_specifications")
    of_schemas = jsonschema.Draft202012Validator.META_SCHEMA
    found = _first(_validator()(of_schemas, registry=known.REGISTRY), schema)
    if found is not None:
        return found
    for reference in _references(schema):
        try:
            _nowhere().with_resource("", _resource(schema)).resolver().lookup(reference)
        except Exception:  # noqa: BLE001 - whatever the library raises, it is not there
            return Misfit(path="$", message=f"it refers to {reference[:80]!r}, which is not in it")
    return None


def _first(checker: Any, value: Any, deadline_s: float = _DEADLINE_S) -> Misfit | None:
    token = _deadline.set(time.thread_time() + deadline_s)
    try:
        error = next(checker.iter_errors(value), None)
    except Exception as wrong:  # a schema that is none, or refers to what is not there: anything
        raise UncheckableError(type(wrong).__name__) from wrong
    finally:
        _deadline.reset(token)
    if error is None:
        return None
    return Misfit(path=error.json_path, message=str(error.message)[:_TEXT_LENGTH])


@lru_cache(maxsize=1)
def _validator() -> Any:
    jsonschema = _library("jsonschema")
    draft = jsonschema.Draft202012Validator
    keywords = {name: _bounded(check) for name, check in draft.VALIDATORS.items()}
    keywords.update(dict.fromkeys(_PATTERNS, _unchecked))
    for name in _BY_PATTERNS[1:]:
        keywords[name] = _unchecked
    keywords["additionalProperties"] = _without_patterns(keywords["additionalProperties"])
    return jsonschema.validators.extend(draft, keywords)


@lru_cache(maxsize=1)
def _nowhere() -> Any:
    """Make a registry that knows nothing: jsonschema's own would fetch what a reference names."""
    return _library("referencing").Registry()


def _resource(schema: dict[str, Any]) -> Any:
    return _library("referencing.jsonschema").DRAFT202012.create_resource(schema)


def _library(name: str) -> Any:
    """Import a module of jsonschema or of what it depends on, which are untyped.

    Raises:
        UnsupportedError: it is not installed; the message says how to.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        text = (
            "schemas are checked by the package `jsonschema`; "
            'install it with: pip install "llmspell-bridges[tools]"'
        )
        raise UnsupportedError(text, capability="schemas") from error


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for key, item in part.items():
            if key in ("$ref", "$dynamicRef") and isinstance(item, str):
                yield item
            elif key not in ("enum", "const", "default", "examples"):
                yield from _references(item)
    elif isinstance(part, list):
        for item in part:
            yield from _references(item)


def _bounded(check: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
    def bounded(*given: Any) -> Iterator[Any]:
        if time.thread_time() > _deadline.get():
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
