"""How a method takes its arguments: none missing, none too many, none of another type."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from llmspell_core.errors import ValidationError
from llmspell_testkit.bridge.check import check
from llmspell_testkit.bridge.members import functions_of, named_by_map, spread
from llmspell_testkit.bridge.vary import (
    common,
    leaves,
    look_alikes,
    matches,
    near,
    records,
    replaced,
    shape,
    types_of,
    wrong_values,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from llmspell_testkit.bridge.check import Subject
    from llmspell_testkit.bridge.lab import Lab, Outcome, Run
    from llmspell_testkit.bridge.members import Member

STRANGE = "no_such_argument"


@check("missing-argument", "type_safety", "arguments")
async def missing_argument(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """A call without an argument that must be given is refused, by that argument's name."""
    async with lab.trying() as run:
        if not await _runs(run, it.member):
            return
        for param in it.member.method.params:
            if not param.required:
                continue
            given = {k: v for k, v in lab.given(it.member).items() if k != param.name}
            outcome = await run.outcome(it.member, _named(run, it.member, given))
            for problem in refusal_problems(outcome, it.member, param.name):
                yield f"without `{param.name}`: {problem}"


@check("too-many-arguments", "type_safety", "arguments")
async def too_many_arguments(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """A call with more values than the method has arguments is refused."""
    method = it.member.method
    if it.member.id in lab.contract.variadic:
        if not method.varargs:
            yield "is listed in `variadic`, and takes no `*args`: remove it there"
        return
    async with lab.trying() as run:
        if not await _runs(run, it.member):
            return
        given = lab.given(it.member)
        first = [run.live(given.get(name)) for name in method.positional]
        outcome = await run.outcome(it.member, [*first, 1, 2, 3, 4])
    if outcome.error is None:
        yield f"expected a validation error for four values too many, got {outcome}"
    elif not isinstance(outcome.error, ValidationError) or method.name not in str(outcome.error):
        yield f"expected a validation error that names `{method.name}`, got {outcome}"


@check("unknown-argument", "type_safety", "arguments")
async def unknown_argument(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """An argument that the method does not have is refused, by its name."""
    async with lab.trying() as run:
        if not await _runs(run, it.member):
            return
        method = it.member.method
        args = _named(run, it.member, {**lab.given(it.member), STRANGE: 1})
        if isinstance(args[-1], dict) and not named_by_map(method, len(args)):
            return  # the map would be an argument itself
        outcome = await run.outcome(it.member, args)
        takes_any = bool(method.positional or method.keywords)
        for problem in refusal_problems(outcome, it.member, STRANGE if takes_any else None):
            yield problem


@check("unknown-field", "type_safety", "arguments")
async def unknown_field(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """A field that a record of an argument does not have is refused, by the argument's name."""
    schema = it.member.method.schema()
    given = lab.given(it.member)
    async with lab.trying() as run:
        if not await _runs(run, it.member):
            return
        for path, record in records(schema, given, schema):
            if record.get("additionalProperties", False) is not False:
                continue
            changed = replaced(given, (*path, STRANGE), 1)
            outcome = await run.outcome(it.member, _named(run, it.member, changed))
            for problem in refusal_problems(outcome, it.member, str(path[0])):
                yield f"the record at `{_shown(path)}` with a field more: {problem}"


@check("wrong-type", "type_safety", "types")
async def wrong_type(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """A value of a type that the schema does not allow is refused, by the argument's name."""
    async with lab.trying() as run:
        if not await _runs(run, it.member):
            return
        for path, wrong in _wrongs(it.member, lab.given(it.member)):
            changed = replaced(lab.given(it.member), path, wrong)
            outcome = await run.outcome(it.member, _named(run, it.member, changed))
            for problem in refusal_problems(outcome, it.member, str(path[0])):
                yield f"`{_shown(path)}` = {wrong!r}: {problem}"


@check("no-coercion", "type_safety", "types")
async def no_coercion(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """No value is taken for one of another type that looks the same."""
    given = lab.given(it.member)
    known = [(path, value) for path, value in leaves(given) if look_alikes(value)]
    if not known:
        return
    expected = common(await _fresh(lab, it.member, given), await _fresh(lab, it.member, given))
    for path, value in known:
        other = await _fresh(lab, it.member, replaced(given, path, near(value)[0]))
        if matches(expected, other):
            continue  # the answer does not tell what came in
        for alike in look_alikes(value):
            if matches(expected, await _fresh(lab, it.member, replaced(given, path, alike))):
                yield (
                    f"`{_shown(path)}` = {alike!r} gave what {value!r} gives: "
                    "expected an error or another result"
                )


@check("arguments-untouched", "type_safety", "values")
async def arguments_untouched(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """A method does not change the values it is given."""
    async with lab.trying() as run:
        args = run.args(it.member)
        before = copy.deepcopy(args)
        outcome = await run.outcome(it.member, args)
    if outcome.error is None and args != before:
        yield f"expected the arguments to stay {before!r:.120}, got {args!r:.120}"


async def _runs(run: Run, member: Member) -> bool:
    """Say whether the example works; where it does not, `example-runs` tells."""
    return (await run.example(member)).error is None


async def _fresh(lab: Lab, member: Member, given: Mapping[str, Any]) -> Any:
    async with lab.trying() as run:
        outcome = await run.patient(member, _named(run, member, given))
        return None if outcome is None else shape(outcome)


def _named(run: Run, member: Member, given: Mapping[str, Any]) -> list[Any]:
    """Give every argument by name, as far as a call can."""
    return spread(member.method, {key: run.live(value) for key, value in given.items()})


def _wrongs(member: Member, given: Mapping[str, Any]) -> Iterator[tuple[list[str | int], Any]]:
    """List places in the arguments, each with a value that its schema does not allow."""
    whole = member.method.schema()
    functions = functions_of(member.method)
    for name, schema in whole["properties"].items():
        if name in functions:
            continue
        for wrong in wrong_values(types_of(schema, whole) or set()):
            yield [name], wrong
    for path, record in records(whole, dict(given), whole):
        for field, schema in record["properties"].items():
            types = types_of(schema, whole)
            for wrong in wrong_values(types or set())[:2]:
                yield [*path, field], wrong


def refusal_problems(outcome: Outcome, member: Member, argument: str | None) -> Iterator[str]:
    """List in what an outcome is not a validation error that names method and argument."""
    error = outcome.error
    if not isinstance(error, ValidationError):
        yield f"expected a validation error, got {outcome}"
        return
    if member.method.name not in error.message:
        yield f"expected an error that names `{member.method.name}`, got {error.message!r}"
    named = (error.argument or "") and argument is not None
    if argument is not None and not (
        named and argument in str(error.argument) and argument in error.message
    ):
        yield f"expected an error that names `{argument}`, got {error.message!r}"


def _shown(path: Any) -> str:
    return ".".join(str(part) for part in path)
