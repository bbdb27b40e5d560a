"""An engine whose interpreter blocks: what its threads may do, and the end of them."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

import pytest
from blocked import Alone, Blocked, Depot, place, run, until_ended

from llmspell_core import (
    BlockingSession,
    CancelledSpellError,
    InternalError,
    LimitError,
    Limits,
    LlmspellError,
    ScriptRuntimeError,
    Session,
    ValidationError,
    blocking,
)

pytestmark = pytest.mark.anyio


async def test_the_loop_goes_on_while_a_script_blocks(session: Session) -> None:
    """A script that blocks until the event loop has done something ends with its result."""
    loop, done = asyncio.get_running_loop(), threading.Event()

    def body(_: BlockingSession) -> bool:
        loop.call_soon_threadsafe(done.set)
        return done.wait(30)

    assert await run(body, session) is True


async def test_a_call_is_answered_in_the_runs_context(session: Session) -> None:
    """A bridge is called with the context variables of whoever runs the script."""
    token = place.set("here")
    try:
        assert await run(lambda own: own.call("depot", "place", []), session) == "here"
    finally:
        place.reset(token)


async def test_the_latest_error_of_the_host_is_kept(session: Session) -> None:
    """An error that the host raises into the thread is remembered, with its type."""

    def body(own: BlockingSession) -> bool:
        with pytest.raises(ValidationError) as caught:
            own.call("depot", "nosuch", [])
        return own.error is caught.value

    assert await run(body, session) is True


async def test_cancelling_ends_the_thread_and_its_call(session: Session, depot: Depot) -> None:
    """When a run is cancelled its open call is, the thread is told, and both are waited for."""
    seen: list[str] = []

    def body(own: BlockingSession) -> None:
        try:
            own.call("depot", "wait", [])
        except CancelledSpellError as error:
            seen.append(error.kind)

    running = asyncio.ensure_future(run(body, session))
    await depot.asked.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (seen, depot.left) == (["cancelled"], 1)


@pytest.mark.parametrize("what", ["call", "log", "env"])
async def test_what_is_asked_for_after_the_end_is_refused(session: Session, what: str) -> None:
    """A script that goes on after its run was cancelled reaches nothing of the host."""
    started, refused = asyncio.Event(), []
    loop = asyncio.get_running_loop()

    def body(own: BlockingSession) -> None:
        loop.call_soon_threadsafe(started.set)
        until_ended(own)
        arguments = {"call": ("depot", "place", []), "log": ("log", ["late"]), "env": ("LANG",)}
        try:
            getattr(own, what)(*arguments[what])
        except CancelledSpellError as error:
            refused.append(error.message)

    running = asyncio.ensure_future(run(body, session))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert refused == ["spell: the run is over: it was cancelled, or its engine was closed"]


async def test_a_thread_that_does_not_look_is_left(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script that nothing can end keeps nobody waiting for ever."""
    monkeypatch.setattr(blocking, "CLOSE_TIMEOUT_S", 0.01)
    started, release = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def body(_: BlockingSession) -> bool:
        loop.call_soon_threadsafe(started.set)
        return release.wait()

    running = asyncio.ensure_future(run(body, session))
    await started.wait()
    running.cancel()
    done, _ = await asyncio.wait({running}, timeout=10)
    release.set()
    assert done
    assert running.cancelled()


async def test_closing_the_engine_ends_what_runs(session: Session) -> None:
    """A run is told that its engine was closed, and its thread ends."""
    started, ended = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def body(own: BlockingSession) -> None:
        loop.call_soon_threadsafe(started.set)
        until_ended(own)
        ended.set()

    engine = Blocked(body)
    running = asyncio.ensure_future(engine.execute("", session=session))
    await started.wait()
    await engine.close()
    assert ended.is_set()
    with pytest.raises(CancelledSpellError, match="its engine was closed"):
        await running


async def test_a_run_that_is_cancelled_before_its_turn_never_begins(session: Session) -> None:
    """A script that waits for a thread is not evaluated any more once nobody waits for it."""
    release, begun = threading.Event(), []

    def body(_: BlockingSession) -> None:
        begun.append(1)
        release.wait(30)

    async with Alone(body) as engine:
        first = asyncio.ensure_future(engine.execute("", session=session))
        second = asyncio.ensure_future(engine.execute("", session=session))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        release.set()
        await first
        await engine.execute("", session=session)
    assert begun == [1, 1]


async def test_who_prints_too_much_is_ended(
    session: Session, printed: list[tuple[str, str]]
) -> None:
    """A script that catches all errors and prints on is ended by the limit of its log."""

    def body(own: BlockingSession) -> str:
        while not own.ended:
            with suppress(LlmspellError):
                own.log("info", ["x" * 84])
        return "went on"

    with pytest.raises(LimitError, match="printed more than"):
        await run(body, session)
    assert printed == [("info", "x" * 84)] * 10


async def test_a_limit_ends_a_script_that_catches_it(session: Session) -> None:
    """What ends the run in a call ends it also where the script catches the error."""

    def body(own: BlockingSession) -> str:
        with suppress(LlmspellError):
            own.call("depot", "spend", [])
        return "went on"

    with pytest.raises(LimitError, match="that was too much"):
        await run(body, session)


async def test_a_busy_script_is_ended_from_outside(session: Session) -> None:
    """A run that the host fails ends although its script makes no call."""
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    def body(own: BlockingSession) -> None:
        loop.call_soon_threadsafe(started.set)
        until_ended(own)

    running = asyncio.ensure_future(run(body, session))
    await started.wait()
    session.fail(Limits(cpu_s=1).exceeded("cpu"))
    with pytest.raises(LimitError, match="processor time"):
        await asyncio.wait_for(running, 10)


async def test_an_engines_mistake_is_an_error_of_the_tree(session: Session) -> None:
    """An error that is none of ours says whose it is."""
    with pytest.raises(InternalError, match="the engine `blocked` failed: ZeroDivisionError"):
        await run(lambda _: 1 / 0, session)


async def test_a_scripts_failure_is_raised_as_it_is(session: Session) -> None:
    """What the engine raises of the script's failure is what the caller gets."""

    def body(_: BlockingSession) -> None:
        raise ScriptRuntimeError("boom")

    with pytest.raises(ScriptRuntimeError, match=r"^boom$"):
        await run(body, session)
