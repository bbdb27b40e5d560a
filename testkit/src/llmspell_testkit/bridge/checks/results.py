"""What a method gives: values that scripts have, of the type that it says."""

from __future__ import annotations

from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

import msgspec

from llmspell_core.bridge import Handle
from llmspell_core.convert import convert
from llmspell_core.errors import LlmspellError, ValidationError
from llmspell_core.handles import Stream
from llmspell_core.values import HandleRef, TextRecord, check_value
from llmspell_testkit.bridge.check import check
from llmspell_testkit.bridge.excuses import NO_VALUE
from llmspell_testkit.bridge.members import is_stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from llmspell_testkit.bridge.check import Subject
    from llmspell_testkit.bridge.lab import Lab, Run


@check("result-is-value", "type_safety", "values")
async def result_is_value(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """What a method gives is made of what scripts have, and of nothing else."""
    async with lab.trying() as run:
        outcome = await run.example(it.member)
    if outcome.error is not None:
        if NO_VALUE in outcome.error.message:
            yield f"expected a script value, got {outcome.error.message}"
        return
    try:
        check_value(outcome.value)
    except LlmspellError as error:
        yield f"expected a script value, got {error.message}"


@check("result-fits", "type_safety", "schemas")
async def result_fits(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """What a method gives has the type that its hint says."""
    hint = it.member.method.returns
    async with lab.trying() as run:
        outcome = await run.example(it.member)
        if outcome.error is not None:
            return
        items = outcome.value if it.member.method.streams else [outcome.value]
        for item in items:
            why = _misfit(_live(run, item), hint)
            if why is not None:
                yield f"expected {_name(hint)}, got {item!r:.160} ({why})"
                return


def _misfit(value: Any, hint: Any) -> str | None:
    """Say why a value is not of a type; None where it is."""
    if get_origin(hint) in {Union, UnionType}:
        why = [_misfit(value, part) for part in get_args(hint)]
        return None if None in why else why[0]
    if is_stream(hint):
        return None if isinstance(value, Stream) else "no stream"
    try:
        convert(restored(value, hint), hint, argument="result", where="")
    except ValidationError as error:
        return error.message.rpartition("`: ")[2]
    except TypeError:
        return None  # a type that cannot be checked, such as a list of texts or bytes
    return None


def _live(run: Run, value: Any) -> Any:
    """Put the host's objects in the place of references to them."""
    if isinstance(value, HandleRef):
        return run.session.handles.get(value.id)
    if isinstance(value, TextRecord):
        return value
    if isinstance(value, list):
        return [_live(run, item) for item in value]
    if isinstance(value, dict):
        return {key: _live(run, item) for key, item in value.items()}
    return value


def restored(value: Any, hint: Any) -> Any:
    """Give a record back the fields that it lost on the way because they were null."""
    if hasattr(hint, "__metadata__"):
        return restored(value, hint.__origin__)
    if isinstance(value, list) and get_origin(hint) is list:
        return [restored(item, get_args(hint)[0]) for item in value]
    if isinstance(value, dict) and get_origin(hint) is dict:
        return {key: restored(item, get_args(hint)[1]) for key, item in value.items()}
    if isinstance(value, dict) and _is_record(hint):
        hints = get_type_hints(hint, include_extras=True)
        missing = {
            k: None for k, h in hints.items() if k not in value and type(None) in get_args(h)
        }
        return {**missing, **{k: restored(v, hints.get(k, Any)) for k, v in value.items()}}
    for part in get_args(hint):
        if isinstance(value, dict) and _is_record(part):
            return restored(value, part)
    return value


def _is_record(hint: Any) -> bool:
    if not isinstance(hint, type) or issubclass(hint, Handle):
        return False
    is_struct = issubclass(hint, msgspec.Struct)
    return is_struct or hasattr(hint, "__total__") or hasattr(hint, "__dataclass_fields__")


def _name(hint: Any) -> str:
    return getattr(hint, "__name__", None) or str(hint)
