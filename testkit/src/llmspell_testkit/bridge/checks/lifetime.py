"""What a bridge holds, and that it gives it back: at its own end, at a run's, and before."""

# ruff: noqa: ARG001 - every check is asked in the same way, whatever it looks at
from __future__ import annotations

import asyncio
import gc
import weakref
from typing import TYPE_CHECKING, Any

from llmspell_core.errors import LlmspellError
from llmspell_core.handles import Stream
from llmspell_testkit.bridge.check import check
from llmspell_testkit.bridge.lab import handles_of
from llmspell_testkit.bridge.leaks import held, settled
from llmspell_testkit.bridge.vary import VARIES, common, matches, shape

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from llmspell_testkit.bridge.check import Subject
    from llmspell_testkit.bridge.lab import Lab, Outcome, Run
    from llmspell_testkit.bridge.members import Member

CANCELLED_WITHIN_S = 5.0
_STEPS = (0, 1, 3)
"""After how many steps of the loop a call is killed."""


@check("opens-and-closes", "standard", "life-cycle", about="bridge")
async def opens_and_closes(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """A bridge that was opened and closed, without a call, leaves nothing."""
    for problem in await _opening_leaves(lab):
        yield problem


async def _opening_leaves(lab: Lab) -> list[str]:
    async def once() -> list[str]:
        async with lab.opened() as bridge, lab.run(bridge) as run:
            await run.session.bridge(bridge.name)
            return []

    found = await leftovers(once)
    lab.leaves[""] = bool(found)
    return found


@check("closes-again", "standard", "life-cycle", about="bridge")
async def closes_again(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """Closing a bridge that is closed, or that was never opened, is harmless."""
    unopened, shared = lab.make(), lab.make()
    try:
        await unopened.close()
        async with lab.run(shared) as run:
            if shared.scope == "runtime":
                await shared.open()
            own = await run.session.bridge(shared.name)
            await own.close()
            await own.close()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        yield f"expected nothing to happen, got {type(error).__name__}: {error}"


@check("runs-apart", "standard", "runs", about="bridge")
async def runs_apart(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """A run finds the bridge as the first one did: nothing of another run is in it."""
    expected: dict[str, Any] = {}
    members = [m for m in lab.contract.members() if m.example is not None]
    for member in members:
        one, other = await _alone(lab, member), await _alone(lab, member)
        if one.error is None:
            expected[member.id] = common(shape(one), shape(other))
    async with lab.opened() as bridge:
        for member in [*members, *members]:
            if expected.get(member.id, VARIES) is VARIES:
                continue
            async with lab.run(bridge) as run:
                outcome = await run.example(member)
            if matches(expected[member.id], shape(outcome)):
                continue
            again = shape(await _alone(lab, member))  # a clock may have gone on
            if not matches(common(expected[member.id], again), shape(outcome)):
                yield (
                    f"`{member.id}` in a later run: expected {expected[member.id]!r:.160}, "
                    f"got {shape(outcome)!r:.160}"
                )
                return


async def _alone(lab: Lab, member: Member) -> Outcome:
    async with lab.trying() as run:
        return await run.example(member)


@check("run-leaves-nothing", "standard", "life-cycle")
async def run_leaves_nothing(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """When a run has ended, none of its handles, streams, tasks, threads and descriptors is left."""
    for problem in await _run_leaves(lab, it.member):
        yield problem


async def _run_leaves(lab: Lab, member: Member) -> list[str]:
    kept: list[weakref.ref[Any]] = []

    async def once() -> list[str]:
        async with lab.trying() as run:
            outcome = await run.example(member)
            _watch_handles(run, outcome, kept)
        return _closing_problems(run)

    if "" not in lab.leaves:
        await _opening_leaves(lab)
    if lab.leaves[""] or (await _alone(lab, member)).error is not None:
        lab.leaves[member.id] = True
        return []
    found = await leftovers(once)
    if any(ref() is not None for ref in kept):
        gc.collect()
    alive = {type(ref()).__name__ for ref in kept if ref() is not None}
    if alive:
        found.append(f"expected no handle to be kept, got {', '.join(sorted(alive))}")
    lab.leaves[member.id] = bool(found)
    return found


async def clean(lab: Lab, member: Member) -> bool:
    """Say whether the example works and leaves nothing: what it leaves is told once."""
    if member.id not in lab.leaves:
        await _run_leaves(lab, member)
    return not lab.leaves[member.id]


@check("left-early", "standard", "streams")
async def left_early(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """A stream that is left after its first item, and a handle that is given back, are closed then."""
    stream = it.member.method.streams

    async def once() -> list[str]:
        kept: list[weakref.ref[Any]] = []
        async with lab.trying() as run:
            await run.example(it.member)  # what it starts for the whole run is there now
            before = held()
            problems = await _leave(run, it.member, kept)
            tasks = (await settled(before)).get("tasks", []) if stream else []
            gc.collect()
            alive = {type(ref()).__name__ for ref in kept if ref() is not None}
        if tasks:
            problems.append(f"expected no task of what was left, got {', '.join(tasks)}")
        if alive:
            problems.append(f"expected nothing to keep what was left, got {', '.join(alive)}")
        return [*problems, *_closing_problems(run)]

    if (stream or _gives_handles(it.member)) and await clean(lab, it.member):
        for problem in await leftovers(once):
            yield problem


async def _leave(run: Run, member: Member, kept: list[weakref.ref[Any]]) -> list[str]:
    """Open what a member gives, look at one item of a stream, and give it back."""
    target = await run.reach(member)
    args = [*run.first(member), *run.args(member)]
    given = await run.call(run.name_of(member), *args, on=target)
    for ref in handles_of(given):
        handle = run.session.handles.get(ref.id)
        try:
            if isinstance(handle, Stream):
                source: Any = handle._source  # noqa: SLF001 - it would read ahead, to the end maybe
                await anext(source, None)
                await source.aclose()
            else:
                kept.append(weakref.ref(handle))
            del handle
            await run.session.handles.release(ref.id)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
            return [f"expected it to close, got {type(error).__name__}: {error}"]
    return []


@check("killed", "standard", "cancellation")
async def killed(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """A run that is killed in the middle of a call ends, and leaves nothing."""

    async def once() -> list[str]:
        problems: list[str] = []
        for steps in _STEPS:
            async with lab.trying() as run:
                await _kill(run, it.member, steps, problems)
            problems += _closing_problems(run)
        return problems

    if await clean(lab, it.member):
        for problem in await leftovers(once):
            yield problem


async def _kill(run: Run, member: Member, steps: int, problems: list[str]) -> None:
    """Cancel a call after a few steps of the loop, as the end of a run does."""
    try:
        target = await run.reach(member)
    except LlmspellError:
        return
    task = asyncio.ensure_future(run.outcome(member, run.args(member), target))
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=CANCELLED_WITHIN_S)
    if not done:
        problems.append(
            f"expected a cancelled call to end within {CANCELLED_WITHIN_S:g} s, and it goes on"
        )
    elif not task.cancelled() and (error := task.exception()):
        problems.append(f"expected a cancelled call to end, got {type(error).__name__}: {error}")


def _gives_handles(member: Member) -> bool:
    from llmspell_core.bridge import Handle
    from llmspell_testkit.bridge.members import handles_in

    return member.method.returns is Handle or any(handles_in(member.method.returns))


def _watch_handles(run: Run, outcome: Outcome, kept: list[weakref.ref[Any]]) -> None:
    for ref in handles_of(outcome.value):
        try:
            kept.append(weakref.ref(run.session.handles.get(ref.id)))
        except LlmspellError:
            continue  # closed already


def _closing_problems(run: Run) -> list[str]:
    return [
        f"expected everything to close, got {event['error']}"
        for event in run.events
        if event.get("event") == "close_failed"
    ]


async def leftovers(once: Callable[[], Awaitable[list[str]]]) -> list[str]:
    """Do something several times, and list what is more each time.

    The first time may fill caches, import libraries and start pools; what is left then, and not
    left again, is none of this.
    """
    problems = await once()
    if problems:
        return problems
    more: dict[str, list[str]] = {}
    for _ in range(2):
        before = held()
        problems = await once()
        more = await settled(before)
        if problems or not more:
            return problems
    return [f"expected nothing to be left, got {sort}: {', '.join(m)}" for sort, m in more.items()]
