"""The contract's bridge does what its cases rely on."""

from __future__ import annotations

import asyncio
from functools import wraps
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core import dispatch
from llmspell_core.bridge import methods_of
from llmspell_core.errors import KINDS, InternalError, LlmspellError, PermissionDeniedError
from llmspell_core.session import Session
from llmspell_core.values import BuilderRef, HandleRef, TextRecord, Value
from llmspell_testkit import ContractBridge

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


def awaited(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test on an event loop of its own: what spells run on is asyncio."""

    @wraps(test)
    def run(*args: Any, **fixtures: Any) -> None:
        asyncio.run(test(*args, **fixtures))

    return run


@pytest.fixture
def probe() -> ContractBridge:
    """A fresh probe."""
    return ContractBridge()


@pytest.fixture
def session(probe: ContractBridge) -> Session:
    """A run that can call it."""
    return Session(bridges={"probe": probe})


@awaited
async def test_it_tells_what_arrived(session: Session) -> None:
    """Every type is told apart in what `seen` answers."""
    value: list[Value] = [None, True, 1, 1.0, "a", b"a", [], {"k": 2}, TextRecord("t")]

    answer = await dispatch.call(session, "probe", "seen", [value])

    assert answer == (
        '[null, true, int 1, float 1.0, text "a", bytes 61, [], {k: int 2}, '
        'record {content: text "t"}]'
    )


@awaited
async def test_a_barrier_waits_for_all(session: Session) -> None:
    """Calls leave a barrier only when the last one has come, each with its place."""
    first = asyncio.ensure_future(dispatch.call(session, "probe", "barrier", [2]))
    await asyncio.sleep(0)
    assert not first.done()

    assert await dispatch.call(session, "probe", "barrier", [2]) == 2
    assert await first == 1


@awaited
async def test_a_gate_opens_for_good(session: Session) -> None:
    """Who waits for a gate goes on when it is opened, and so does who comes later."""
    waiting = asyncio.ensure_future(dispatch.call(session, "probe", "wait_gate", ["g", 1]))
    await asyncio.sleep(0)

    await dispatch.call(session, "probe", "open_gate", ["g"])

    assert await waiting == 1
    assert await dispatch.call(session, "probe", "wait_gate", ["g", 2]) == 2


@awaited
async def test_a_cancelled_call_is_counted(session: Session, probe: ContractBridge) -> None:
    """A call that never answers counts as waiting, then as cancelled."""
    call = asyncio.ensure_future(dispatch.call(session, "probe", "never", []))
    await dispatch.call(session, "probe", "await_count", ["waiting", 1])

    call.cancel()
    await asyncio.wait({call})

    assert (probe.counts["waiting"], probe.counts["cancelled"]) == (0, 1)


@awaited
async def test_streams_are_counted(session: Session, probe: ContractBridge) -> None:
    """A stream counts as open from its first item until it is closed."""
    stream = await dispatch.call(session, "probe", "stream", [1_000_000])
    assert isinstance(stream, HandleRef)
    batch = await dispatch.call(session, stream.id, "next", [2])
    assert batch == {"items": [1, 2], "done": False}
    assert probe.counts["open_streams"] == 1

    await session.close()

    assert (probe.counts["open_streams"], probe.counts["closed_streams"]) == (0, 1)


@awaited
async def test_a_stream_fails_where_it_is_told_to(session: Session) -> None:
    """The items before the failure come first, then the failure."""
    stream = await dispatch.call(session, "probe", "stream", [5, {"fail_at": 3}])
    assert isinstance(stream, HandleRef)
    assert await dispatch.call(session, stream.id, "next", [64]) == {"items": [1, 2], "done": False}

    with pytest.raises(LlmspellError, match="lost at 3"):
        await dispatch.call(session, stream.id, "next", [64])


@awaited
async def test_handles_are_counted(session: Session, probe: ContractBridge) -> None:
    """A host object counts as open until the run ends."""
    counter = await dispatch.call(session, "probe", "counter", [5])
    assert isinstance(counter, HandleRef)
    assert await dispatch.call(session, counter.id, "add", [2]) == 7
    assert await dispatch.call(session, "probe", "peek", [counter]) == 7

    await session.close()

    assert (probe.counts["open_counters"], probe.counts["closed_counters"]) == (0, 1)


@awaited
async def test_a_plan_runs_its_steps(session: Session) -> None:
    """A builder's steps run in order, nested plans included."""
    inner = BuilderRef("probe", "plan", ["inner"], [("add", ["x", 5])])
    plan = BuilderRef("probe", "plan", ["outer"], [("nest", [inner]), ("add", ["y", 1])])

    assert await dispatch.call(session, "probe", "plan.run", [plan, 10]) == 16
    assert (
        await dispatch.call(session, "probe", "plan.validate", [plan])
        == "outer/0(inner inner/0(x int 5), y int 1)"
    )


@awaited
@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_it_fails_in_every_kind(session: Session, kind: str) -> None:
    """`fail` raises the error of the kind that is asked for."""
    with pytest.raises(KINDS[kind], match="told to") as caught:
        await dispatch.call(session, "probe", "fail", [kind, "told to"])

    assert caught.value.kind == kind


@awaited
async def test_a_crash_is_an_internal_error(session: Session) -> None:
    """`crash` raises what is no error of the tree."""
    with pytest.raises(InternalError, match="KeyError"):
        await dispatch.call(session, "probe", "crash", [])


@awaited
async def test_hidden_needs_a_permission(session: Session, probe: ContractBridge) -> None:
    """`hidden` is refused without the permission to read, and does not begin."""
    with pytest.raises(PermissionDeniedError):
        await dispatch.call(session, "probe", "hidden", ["a"])

    assert probe.calls == []


@awaited
@pytest.mark.parametrize(
    "name", sorted(name for name, m in methods_of(ContractBridge).items() if m.example)
)
async def test_examples_work(session: Session, name: str) -> None:
    """The example of each method is one that it accepts."""
    method = methods_of(ContractBridge)[name]
    assert method.example is not None

    method.bind(list(method.example.values()), f"probe.{name}")
