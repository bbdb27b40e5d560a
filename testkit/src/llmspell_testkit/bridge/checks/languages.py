"""What a script of each installed engine sends and gets: the same as every other one."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core.bridge import Callback
from llmspell_core.errors import LlmspellError
from llmspell_core.offered import needed_for
from llmspell_core.values import CallbackRef, HandleRef, TextRecord, check_value, plain
from llmspell_testkit.bridge.chain import chain_to, gives, needed
from llmspell_testkit.bridge.check import check
from llmspell_testkit.bridge.engines import remedy, speaker_of
from llmspell_testkit.bridge.lab import SCRIPT_FUNCTION
from llmspell_testkit.tagged import differences

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from llmspell_core.engine import ScriptEngine
    from llmspell_testkit.bridge.check import Subject
    from llmspell_testkit.bridge.lab import Lab, Outcome, Run
    from llmspell_testkit.bridge.members import Member


class _Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What the script sent, and what it gave back."""

    sent: list[Any]
    value: Any


@check("spoken", "type_safety", "languages", about="language")
async def spoken(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """Every installed engine starts, and has a speaker: the bridge is asked in its language, too."""
    try:
        if speaker_of(it.engine) is None:
            yield remedy(it.engine)
        else:
            await lab.engines.get(it.engine)
    except Exception as error:  # noqa: BLE001 - whatever a plugin raises, it is the finding
        yield f"expected the engine `{it.engine}` to start, got {type(error).__name__}: {error}"


@check("same-in", "type_safety", "languages", about="engine")
async def same_in(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """A script's arguments reach the bridge as they are, and the script gets what the bridge gives."""
    member = it.member
    try:
        speaker, engine = speaker_of(it.engine), await lab.engines.get(it.engine)
    except Exception:  # noqa: BLE001 - `spoken` tells what it was
        speaker = None
    if speaker is None:
        lab.declined = ["speaker"]
        return
    example = await _sound(lab, member, engine)
    if example is None:
        return
    async with lab.trying() as run:
        chain, sent = await chain_to(run, member)
    values = [*sent, plain(example.value) if chain.gives == "nothing" else example.value]
    lab.declined = sorted(set(needed_for(values)) - engine.nouns)
    if lab.declined:
        return
    try:
        source = speaker(chain)
    except Exception as error:  # noqa: BLE001 - as above
        yield f"expected a script of {chain}, got {type(error).__name__} of the speaker: {error}"
        return
    async with lab.trying() as run:
        async for problem in _run(run, member, engine, source, sent):
            yield f"{problem}\n{source}" if "\n" not in problem else problem


async def _run(
    run: Run, member: Member, engine: ScriptEngine, source: str, sent: list[list[Any]]
) -> AsyncIterator[str]:
    """Run a script, and list where what it sent and got is not what the bridge got and gave."""
    events: list[dict[str, Any]] = []
    run.session.recorder = events.append
    run.session.invoker = None
    params = {f"a{index}": args for index, args in enumerate(sent)}
    try:
        value = plain(await engine.execute(source, params, session=run.session))
    except Exception as error:  # noqa: BLE001 - as above
        kind = f"`{error.kind}`" if isinstance(error, LlmspellError) else type(error).__name__
        yield f"expected a result, got an error of kind {kind}: {error}"
        return
    calls = [event for event in events if event["event"] == "call"]
    for problem in _compare(run, member, engine, calls, _Seen(sent=sent[-1], value=value)):
        yield problem


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
    given = gives(member)
    if given == "value":
        answered = own[-1]["answer"]
    elif given == "items":
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


async def _sound(lab: Lab, member: Member, engine: ScriptEngine) -> Outcome | None:
    """Run the example, unless the engine declines it; None also where other checks find fault."""
    lab.declined = sorted(needed(lab, member) - engine.nouns)
    if lab.declined:
        return None
    async with lab.trying() as run:
        args = run.args(member)
        before = copy.deepcopy(args)
        outcome = await run.outcome(member, args)
    if args != before:
        return None
    try:
        check_value(outcome.value)
    except LlmspellError:
        return None
    return outcome if outcome.error is None else None
