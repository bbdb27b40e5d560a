"""That what a bridge gives is closed exactly once, whichever way it ends."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from llmspell_core.errors import LlmspellError
from llmspell_testkit.bridge.check import check
from llmspell_testkit.bridge.checks.lifetime import clean
from llmspell_testkit.bridge.closing import Closes
from llmspell_testkit.bridge.lab import handles_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from llmspell_core.values import HandleRef
    from llmspell_testkit.bridge.check import Subject
    from llmspell_testkit.bridge.lab import Lab, Run

    End = Callable[[Run, HandleRef], Awaitable[Any]]


@check("closed-once", "standard", "streams")
async def closed_once(lab: Lab, it: Subject) -> AsyncIterator[str]:
    """A handle or a stream is closed once: given back, read to its end, or left to the run's end."""
    if not await clean(lab, it.member):
        return
    for how, end in _ENDS.items():
        closes = Closes()
        async with lab.trying() as run:
            await _end(run, it, end, closes)
        for problem in closes.problems():
            yield f"{how}: {problem}"
            return  # the other ways tell the same mistake


async def _end(run: Run, it: Subject, end: End, closes: Closes) -> None:
    """Call a member, watch what it gives, and end that in one way."""
    try:
        target = await run.reach(it.member)
        args = [*run.first(it.member), *run.args(it.member)]
        given = await run.call(run.name_of(it.member), *args, on=target)
    except LlmspellError:
        return
    refs = handles_of(given)
    for ref in refs:
        closes.watch(run.session.handles.get(ref.id))
    for ref in refs:
        with suppress(Exception):  # how it fails is the business of other checks
            await end(run, ref)


async def _given_back(run: Run, ref: HandleRef) -> None:
    await run.session.handles.release(ref.id)


async def _read(run: Run, ref: HandleRef) -> None:
    if ref.type == "stream":
        await run.drain(ref)


async def _left(run: Run, ref: HandleRef) -> None:
    pass


_ENDS: dict[str, End] = {
    "given back": _given_back,
    "read to its end": _read,
    "left to the run's end": _left,
}
