"""What a script of each installed engine sends and gets: the same as every other one."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core.bridge import Callback
from llmspell_core.errors import LlmspellError
from llmspell_core.values import CallbackRef, HandleRef, TextRecord, check_value, plain
from llmspell_testkit.bridge.check import check
from llmspell_testkit.bridge.lab import SCRIPT_FUNCTION, handles_of
from llmspell_testkit.bridge.members import spread
from llmspell_testkit.bridge.speak import SPEAKERS, Build, Key, Step
from llmspell_testkit.bridge.world import stood_in
from llmspell_testkit.tagged import differences

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from llmspell_core.engine import ScriptEngine
    from llmspell_testkit.bridge.check import Subject
    from llmspell_testkit.bridge.lab import Lab, Run
    from llmspell_testkit.bridge.members import Member


class _Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What the script sent, and what it gave back."""

    sent: list[Any]
    value: Any


@check("same-in", "type_safety", "languages", about="engine")
async def same_in(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """A script's arguments reach the bridge as they are, and the script gets what the bridge gives."""
    member = it.member
    engine = await lab.engines.get(it.engine)
    if _needs(lab, member) - engine.nouns or not await _sound(lab, member):
        return
    async with lab.trying() as run:
        steps, sent = await _way(run, member)
    async with lab.trying() as run:
        build, built = _build(lab, member)
        params = {f"a{index}": args for index, args in enumerate([*built, *sent])}
        source = _source(lab, it.engine, build, steps, gives=_gives(member))
        events: list[dict[str, Any]] = []
        run.session.recorder = events.append
        run.session.invoker = None
        try:
            value = plain(await engine.execute(source, params, session=run.session))
        except LlmspellError as error:
            yield f"expected a result, got an error of kind `{error.kind}`: {error.message}\n{source}"
            return
        calls = [event for event in events if event["event"] == "call"]
        for problem in _compare(run, member, engine, calls, _Seen(sent=sent[-1], value=value)):
            yield f"{problem}\n{source}" if "\n" not in problem else problem


def _compare(
    run: Run, member: Member, engine: ScriptEngine, calls: list[dict[str, Any]], seen: _Seen
) -> Iterator[str]:
    name = run.name_of(member)
    own = [e for e in calls if e["call"] in {name, f"{run.bridge.name}.{name}"}]
    if not own:
        yield f"expected a call of `{name}`, got {[e['call'] for e in calls]}"
        return
    arrived = own[-1]["args"][1:] if member.builder else own[-1]["args"]
    for difference in differences(
        _normal(_bound(member, seen.sent), engine),
        _normal(_bound(member, arrived), engine),
        "argument",
    ):
        yield f"what was sent ≠ what arrived: {difference}"
    gives = _gives(member)
    if gives == "value":
        answered = own[-1]["answer"]
    elif gives == "items":
        batches = [e["answer"]["items"] for e in calls if e["call"] == "next" and e["answer"]]
        answered = [item for batch in batches for item in batch]
    else:
        return
    for difference in differences(
        _normal(plain(answered), engine), _normal(seen.value, engine), "result"
    ):
        yield f"what was given ≠ what the script got: {difference}"


def _bound(member: Member, args: list[Any]) -> dict[str, Any]:
    """Bind arguments as a call does: the schema decides what a language cannot tell apart."""
    method = member.method
    positional, named = method.bind([_callable(arg) for arg in args], member.id)
    rest = positional[len(method.positional) :]
    first = dict(zip(method.positional, positional, strict=False))
    return {**first, **named, **({"…": rest} if rest else {})}


def _callable(value: Any) -> Any:
    """Put a function in the place of one that the script has, or that stands for one."""
    if isinstance(value, CallbackRef) or (
        isinstance(value, str) and value.startswith(SCRIPT_FUNCTION)
    ):
        return Callback(0, "", None)  # type: ignore[arg-type] # nobody calls it
    if isinstance(value, list):
        return [_callable(item) for item in value]
    if isinstance(value, dict):
        return {key: _callable(item) for key, item in value.items()}
    return value


def _normal(value: Any, engine: ScriptEngine) -> Any:  # noqa: C901, PLR0911 - one line per type
    """Level what the engine's language cannot tell apart."""
    if isinstance(value, Callback):
        return "<function>"
    if isinstance(value, HandleRef):
        return f"<{value.type}>"
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.asdict(value)
    elif hasattr(value, "model_dump"):
        value = value.model_dump()
    if isinstance(value, (list, tuple)):
        return [_normal(item, engine) for item in value]
    if isinstance(value, dict):
        if not value:
            return []  # Lua has one empty table
        return {key: _normal(item, engine) for key, item in value.items()}
    if isinstance(value, float) and value.is_integer() and "float_identity" not in engine.nouns:
        return int(value)
    if isinstance(value, TextRecord):
        return _normal(value.fields, engine)
    if not isinstance(value, (str, bytes, int, float, type(None))):
        return f"<{type(value).__name__}>"
    if isinstance(value, bytes) and "bytes" not in engine.nouns:
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    return value


def _gives(member: Member) -> str:
    """Say what a script can give back of what the member answers: no handle."""
    from llmspell_core.bridge import Handle
    from llmspell_testkit.bridge.members import handles_in, is_stream

    if member.method.streams:
        return "items"
    hint = member.method.returns
    if hint is Handle or any(handles_in(hint)) or is_stream(hint):
        return "nothing"
    return "value"


def _needs(lab: Lab, member: Member) -> set[str]:
    found = set()
    if member.method.streams:
        found.add("streams")
    if member.via or _gives(member) == "nothing":
        found.add("handles")
    if member.builder:
        found.add("builders")
    if SCRIPT_FUNCTION in repr(lab.given(member)):
        found.add("callbacks")
    return found


async def _sound(lab: Lab, member: Member) -> bool:
    """Say whether the example works and gives script values; other checks tell where not."""
    async with lab.trying() as run:
        args = run.args(member)
        before = copy.deepcopy(args)
        outcome = await run.outcome(member, args)
    if args != before:
        return False
    try:
        check_value(outcome.value)
    except LlmspellError:
        return False
    return outcome.error is None


async def _way(run: Run, member: Member) -> tuple[list[Step], list[list[Any]]]:
    """Find the calls that lead to a member, and where each gives the handle of the next."""
    steps: list[Step] = []
    sent: list[list[Any]] = []
    path: tuple[Key, ...] = ()
    chain = [*member.via, member]
    for index, each in enumerate(chain):
        args = spread(each.method, run.lab.given(each))
        name = each.method.name
        steps.append(Step(method=name, count=len(args), path=path))
        sent.append(args)
        if index + 1 < len(chain):
            outcome = await run.example(each)
            wanted = getattr(chain[index + 1].owner, "type_name", "")
            path = _path_to(outcome.value, wanted) or ()
    return steps, sent


def _path_to(value: Any, type_name: str) -> tuple[Key, ...] | None:
    if isinstance(value, HandleRef):
        return () if value.type == type_name else None
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, item in items:
        if any(ref.type == type_name for ref in handles_of(item)):
            inner = _path_to(item, type_name)
            return None if inner is None else (key, *inner)
    return None


def _build(lab: Lab, member: Member) -> tuple[Build | None, list[list[Any]]]:
    builder = (member.via[0] if member.via else member).builder
    if builder is None:
        return None, []
    example = lab.contract.builders.get(builder.name)
    args, steps = ({}, ()) if example is None else (example.args, example.steps)
    stand_ins = lab.world.stand_ins
    made = spread(builder.create_method(), stood_in(dict(args), stand_ins))
    recorded = [
        (name, spread(builder.step_method(name), stood_in(dict(given), stand_ins)))
        for name, given in steps
    ]
    build = Build(
        name=builder.name,
        count=len(made),
        steps=tuple((name, len(values)) for name, values in recorded),
    )
    return build, [made, *(values for _, values in recorded)]


def _source(lab: Lab, engine: str, build: Build | None, steps: list[Step], *, gives: str) -> str:
    return str(SPEAKERS[engine](lab.contract.bridge.name, build, steps, gives=gives))
