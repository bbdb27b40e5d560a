"""How a method behaves among others: cancelled, beside other calls, on an event loop it does not own."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from llmspell_testkit.bridge.blocking import BOUND_S, heartbeat, sleeps
from llmspell_testkit.bridge.check import check
from llmspell_testkit.bridge.checks.lifetime import CANCELLED_WITHIN_S
from llmspell_testkit.bridge.leaks import held, settled, until
from llmspell_testkit.bridge.members import spread
from llmspell_testkit.bridge.vary import common, matches, shape, variants
from llmspell_testkit.bridge.world import stood_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from llmspell_testkit.bridge.check import Subject
    from llmspell_testkit.bridge.lab import Lab, Run
    from llmspell_testkit.bridge.members import Member

_REACHED_WITHIN_S = 5.0
_MOMENT_S = 0.2
_AT_ONCE = 8


@check("cancelled", "standard", "cancellation", about="slow")
async def cancelled(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """A call that waits for its library ends when it is cancelled, and its library hears of it."""
    slow = it.slow
    assert slow is not None
    async with lab.opened() as bridge:
        before = held()
        async with lab.run(bridge) as run:
            target = await run.reach(it.member)
            with nullcontext() if slow.broken is None else slow.broken(lab.world):
                async for problem in _cancelled(lab, run, it, target):
                    yield problem
        if slow.released is not None:
            heard = slow.released
            if not await until(lambda: heard(lab.world), _REACHED_WITHIN_S):
                yield "expected the library to hear that nobody waits, and it did not"
    for sort, more in (await settled(before)).items():
        if sort != "descriptors":  # connections to the world's own server may be kept
            yield f"expected a cancelled call to leave nothing, got {sort}: {', '.join(more)}"


async def _cancelled(lab: Lab, run: Run, it: Subject, target: str | int) -> AsyncIterator[str]:
    slow = it.slow
    assert slow is not None
    given = {**lab.given(it.member), **stood_in(dict(slow.args), lab.world.stand_ins)}
    args = spread(it.member.method, {key: run.live(value) for key, value in given.items()})
    task = asyncio.ensure_future(run.outcome(it.member, args, target))
    if slow.reached is None:
        await asyncio.wait({task}, timeout=_MOMENT_S)
    else:
        reached = slow.reached
        await until(lambda: task.done() or reached(lab.world), _REACHED_WITHIN_S)
    if task.done():
        yield f"expected a call that waits for its library, got {task.result()}"
        return
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=CANCELLED_WITHIN_S)
    if not done:
        yield f"expected the call to end within {CANCELLED_WITHIN_S:g} s, and it goes on"
    elif not task.cancelled():
        yield f"expected the call to be cancelled, got {task.result()}"


@check("loop-free", "standard", "event-loop")
async def loop_free(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """A method waits by `await`, or in a thread: the event loop goes on meanwhile."""
    async with lab.trying() as run:
        if (await run.example(it.member)).error is not None:
            return
    async with lab.trying() as run:  # what is imported and cached by now costs no more
        target, args = await run.reach(it.member), run.args(it.member)
        with heartbeat(asyncio.get_running_loop()) as beat, sleeps() as slept:
            await run.outcome(it.member, args, target)
            await asyncio.sleep(0)
    if slept:
        yield f"expected `await asyncio.sleep(…)`, got a `time.sleep` of {slept[0]:.2f} s on the loop"
    elif beat.blocked:
        yield f"expected the loop to go on, and it stood still over {BOUND_S} s in {beat.blocked}"


@check("calls-apart", "standard", "concurrency")
async def calls_apart(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """Calls that run at the same time each give what they give alone."""
    given = lab.given(it.member)
    async with lab.opened() as bridge:
        chosen: list[dict[str, Any]] = []
        expected: list[Any] = []
        for changed in [given, *variants(given)][:_AT_ONCE]:
            async with lab.run(bridge) as run:
                one = await _one(run, it.member, changed)
            async with lab.run(bridge) as run:
                other = await _one(run, it.member, changed)
            if one is not None and other is not None:
                chosen.append(changed)
                expected.append(common(one, other))
        async with lab.run(bridge) as run:  # what depends on the calls before cannot be compared
            in_order = [await _one(run, it.member, changed) for changed in chosen]
        kept = [
            (changed, wanted)
            for changed, wanted, got in zip(chosen, expected, in_order, strict=True)
            if got is not None and matches(wanted, got)
        ]
        async with lab.run(bridge) as run:
            together = await asyncio.gather(*(_one(run, it.member, c) for c, _ in kept))
        for (changed, wanted), got in zip(kept, together, strict=True):
            if got is None or matches(wanted, got):
                continue
            async with lab.run(bridge) as run:  # a clock may have gone on
                again = await _one(run, it.member, changed)
            if not matches(common(wanted, again), got):
                yield f"with {changed!r:.100}: expected {wanted!r:.160}, got {got!r:.160}"


async def _one(run: Run, member: Member, given: dict[str, Any]) -> Any:
    """Call a member; return its result's shape, or None where it failed."""
    args: Sequence[Any] = spread(member.method, {k: run.live(v) for k, v in given.items()})
    outcome = await run.patient(member, args)
    return None if outcome is None or outcome.error is not None else [shape(outcome)]
