"""A worker is hostile: whatever it says, the run ends with a typed error and nothing else suffers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from llmspell_core import (
    Bridge,
    ConversionError,
    EngineConfig,
    EngineInfo,
    InternalError,
    LimitError,
    LlmspellError,
    ScriptRuntimeError,
    Session,
    method,
)
from llmspell_engines.host.calls import CALLS_LEAVING
from llmspell_engines.host.engine import WorkerEngine

pytestmark = pytest.mark.anyio


class HostileEngine(WorkerEngine):
    """Runs `hostile_guest`."""

    info = EngineInfo(name="hostile", language="Hostile", version="1", suffixes=(".x",))
    guest = "hostile_guest:HostileGuest"


class Demo(Bridge):
    """Waits for ever, and knows when that was cancelled."""

    name = "demo"

    def __init__(self) -> None:
        self.started = 0
        self.cancelled = 0
        self.most_at_once = 0

    @method()
    async def wait(self) -> None:
        """Wait until cancelled."""
        self.started += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled += 1

    @method()
    async def linger(self) -> None:
        """Wait until cancelled, and take many turns of the loop to end then."""
        self.started += 1
        self.most_at_once = max(self.most_at_once, self.started - self.cancelled)
        try:
            await asyncio.Event().wait()
        finally:
            try:
                for _ in range(500):
                    await asyncio.sleep(0)
            finally:
                self.cancelled += 1

    @method()
    async def take(self, value: Any) -> None:
        """Take anything."""


async def run(source: str, demo: Demo | None = None, **options: Any) -> Any:
    """Run the hostile guest's method called `source`."""
    session = Session(bridges={"demo": demo or Demo()}, name="bad.x", **options)
    async with asyncio.timeout(20), await HostileEngine.create(EngineConfig(spares=0)) as engine:
        try:
            return await engine.execute(source, session=session)
        finally:
            await session.close()


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _guest_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("call_twice_with_one_number", InternalError, "a call with the number of another one"),
        ("flood_of_calls", InternalError, "more calls in flight than allowed"),
        ("answer_nobody_asked_for", InternalError, "an answer to a callback that nobody invoked"),
        ("second_ready", InternalError, "an unexpected message of kind 64"),
        ("log_of_a_wrong_shape", InternalError, "a log of the wrong shape"),
        ("log_that_is_no_messagepack", InternalError, "a message that cannot be read"),
        ("result_that_is_too_large", LimitError, "returned more than 10 MiB"),
        ("result_that_is_a_callback", ConversionError, "cannot convert value"),
        ("result_of_empty_maps", ConversionError, "cannot convert value"),
        ("failure_without_a_record", InternalError, "without saying which"),
        ("failure_that_is_too_large", LimitError, "returned more than 10 MiB"),
        ("failure_of_an_unknown_kind", ScriptRuntimeError, "m"),
        ("failure_that_claims_a_permission", ScriptRuntimeError, "allow it with -A"),
        ("failure_that_claims_a_limit", ScriptRuntimeError, "m"),
        ("flood_of_logs", LimitError, "printed more than 10 MiB; raise it with --max-log"),
        ("exit", InternalError, "ended unexpectedly: crashed: exit code 3"),
        ("crash", InternalError, "SIGSEGV"),
    ],
)
async def test_a_broken_protocol_is_a_typed_error(
    source: str, error: type[LlmspellError], message: str
) -> None:
    """The message says what was wrong; the host goes on."""
    with pytest.raises(error) as caught:
        await run(source)
    assert message in str(caught.value)


async def test_a_huge_message_is_cut() -> None:
    """An error's text is bounded."""
    with pytest.raises(ScriptRuntimeError) as caught:
        await run("failure_with_a_huge_message")
    assert len(caught.value.message) == 10_000


async def test_nothing_counts_after_the_end() -> None:
    """The first result stands; later logs, results and calls are not heard."""
    logs: list[str] = []
    demo = Demo()
    result = await run("talk_after_the_end", demo, on_log=lambda _, text: logs.append(text))
    assert (result, logs, demo.started) == (1, [], 0)


async def test_a_call_given_up_gives_its_place_back() -> None:
    """It frees its place at once; while many of them take long to end, no more are begun."""
    demo = Demo()
    assert await run("calls_given_up", demo) == "done"
    assert demo.started == demo.cancelled == 600
    assert 60 < demo.most_at_once <= CALLS_LEAVING + 120


async def test_a_violation_cancels_the_calls_it_left() -> None:
    """No task of a dead run survives it."""
    demo = Demo()
    with pytest.raises(InternalError):
        await run("flood_of_calls", demo)
    assert demo.cancelled == demo.started


async def test_forged_references_are_errors_of_their_calls() -> None:
    """Each malformed call is answered, and none reaches a bridge or another run's objects."""
    events: list[dict[str, Any]] = []
    task = asyncio.create_task(run("forged_handle", recorder=events.append))
    async with asyncio.timeout(20):
        while len(events) < 2:
            assert not task.done()
            await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [event["outcome"] for event in events[:2]] == ["validation", "validation"]
