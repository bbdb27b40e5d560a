"""How a method fails: with an error of the tree, that says what was wrong and gives nothing away."""

from __future__ import annotations

from contextlib import AsyncExitStack, nullcontext
from typing import TYPE_CHECKING, Any

from llmspell_core.errors import InternalError, LlmspellError, ValidationError
from llmspell_core.session import Session
from llmspell_testkit.bridge.check import check
from llmspell_testkit.bridge.excuses import excused
from llmspell_testkit.bridge.leaks import held, settled
from llmspell_testkit.bridge.members import spread
from llmspell_testkit.bridge.vary import edges, near, variants
from llmspell_testkit.bridge.world import stood_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from llmspell_core.bridge import Bridge
    from llmspell_testkit.bridge.check import Subject
    from llmspell_testkit.bridge.lab import Lab, Outcome, Run
    from llmspell_testkit.bridge.members import Member
    from llmspell_testkit.bridge.world import Fault

_OTHERS: list[Any] = ["text", 7, 1.5, True, [], {}, ["a list"], {"a": "map"}]


@check("errors-mapped", "error_handling", "errors")
async def errors_mapped(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """Whatever a script gives, what it gets back is no mistake of the bridge's."""
    for given, outcome in await _odd_calls(lab, it.member):
        error = outcome.error
        if isinstance(error, InternalError) and not excused(error):
            yield f"with {given!r:.160}: expected an error of the tree, got {outcome}"


@check("errors-name-argument", "error_handling", "errors")
async def errors_name_argument(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """A validation error says which argument was wrong."""
    for given, outcome in await _odd_calls(lab, it.member):
        error = outcome.error
        if isinstance(error, ValidationError) and error.argument is None:
            yield f"with {given!r:.160}: expected an error with `argument`, got {error.message!r}"


@check("errors-say-what", "error_handling", "errors")
async def errors_say_what(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """Every error has a message."""
    for given, outcome in await _odd_calls(lab, it.member):
        if outcome.error is not None and not outcome.error.message.strip():
            yield f"with {given!r:.160}: expected a message, got none ({outcome.error.kind})"


async def _odd_calls(lab: Lab, member: Member) -> list[tuple[dict[str, Any], Outcome]]:
    """Call a member whose example works with arguments near, odd and of any type; in one run."""
    if member.id in lab.odd_calls:
        return lab.odd_calls[member.id]
    found = lab.odd_calls[member.id] = []
    async with lab.trying() as run:
        given = lab.given(member)
        if (await run.example(member)).error is not None:
            return found
        calls = [*variants(given, near), *variants(given, edges)]
        calls += [{**given, key: other} for key in given for other in _OTHERS]
        calls += [{k: v for k, v in given.items() if k != key} for key in given]
        for changed in calls:
            args = spread(member.method, {k: run.live(v) for k, v in changed.items()})
            outcome = await run.patient(member, args)
            if outcome is not None:
                found.append((changed, outcome))
    return found


@check("secrets-kept", "error_handling", "secrets")
async def secrets_kept(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """No answer and no error holds a secret of the settings."""
    if not lab.world.secrets:
        return
    async with lab.trying() as run:
        shown = [_text(await run.example(it.member)), *_events(run)]
    shown += [_text(outcome) for _, outcome in await _odd_calls(lab, it.member)]
    faults = [fault for fault in lab.contract.faults.values() if fault.method == it.member.id]
    shown += [_text(await _failing(lab, it.member, fault)) for fault in faults]
    found = {secret for secret in lab.world.secrets for text in shown if secret in text}
    for secret in sorted(found):
        where = next(text for text in shown if secret in text)
        hidden = where.replace(secret, "[the secret]")
        at = max(0, hidden.find("[the secret]") - 80)
        yield f"expected no secret in what a script sees, got …{hidden[at : at + 200]}"


def _text(outcome: Outcome) -> str:
    if outcome.error is None:
        return repr(outcome.value)
    fields = getattr(outcome.value, "fields", "")
    return f"{outcome.error.message} {outcome.error.details!r} {fields!r}"


def _events(run: Run) -> list[str]:
    return [repr(event.get("answer")) for event in run.events]


@check("fault", "error_handling", "faults", about="fault")
async def fault_is_told(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """A failure of the library reaches the script as an error of the right kind."""
    fault = it.fault
    assert fault is not None
    if fault.method is None:
        async for problem in _opening(lab, fault):
            yield problem
        return
    outcome = await _failing(lab, it.member, fault)
    for problem in _kind_problems(outcome.error, str(outcome), fault):
        yield problem


def _kind_problems(error: LlmspellError | None, got: str, fault: Fault) -> list[str]:
    wanted = f"`{fault.kind}`" if fault.kind else "the tree, not `internal`"
    right = error is not None and (
        error.kind == fault.kind if fault.kind else not isinstance(error, InternalError)
    )
    return [] if right else [f"expected an error of kind {wanted}, got {got}"]


async def _failing(lab: Lab, member: Member, fault: Fault) -> Outcome:
    """Run a member's example while its library fails."""
    from llmspell_testkit.bridge.lab import Outcome

    async with lab.trying() as run:
        try:
            target = await run.reach(member)
        except LlmspellError as error:
            return Outcome(error=error)
        args = run.args(member)
        if fault.args is not None:
            given = stood_in(dict(fault.args), lab.world.stand_ins)
            args = spread(member.method, {k: run.live(v) for k, v in given.items()})
        with nullcontext() if fault.broken is None else fault.broken(lab.world):
            return await run.outcome(member, args, target)


async def _opening(lab: Lab, fault: Fault) -> AsyncIterator[str]:
    """Open the bridge while its library fails; nothing may be left of it."""
    assert fault.broken is not None, "a fault of opening the bridge needs `broken`"
    before = held()
    with fault.broken(lab.world):
        got: Any = await _open_error(lab)
        again: Any = await _open_error(lab)
    for error in (got, again):
        if not isinstance(error, LlmspellError):
            yield f"expected opening to fail with an error of the tree, got {error!r}"
            return
    for problem in _kind_problems(got, repr(got), fault):
        yield problem
    for sort, more in (await settled(before)).items():
        yield f"expected a failed opening to leave nothing, got {sort}: {', '.join(more)}"


async def _open_error(lab: Lab) -> Exception | None:
    async with AsyncExitStack() as stack:
        try:
            bridge: Bridge = lab.make()
            if bridge.scope == "run":
                session = Session(bridges={bridge.name: bridge})
                stack.push_async_callback(session.close)
                bridge = bridge.for_run(session)
            await bridge.open()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked at
            return error.with_traceback(None)
        await bridge.close()
        return None
