"""How a run ends that hit a limit: what it had said, and what will not end."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from llmspell_core import Bridge, EngineConfig, LimitError, Limits, Session, method
from llmspell_engines.host import engine as engine_module
from llmspell_engines.host import run as run_module
from llmspell_engines.host.process import Process

sys.path.insert(0, str(Path(__file__).parent))

from attack_host import AttackEngine

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio."""
    return "asyncio"


class Stubborn(Bridge):
    """Does not end when it is cancelled."""

    name = "demo"

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.called = asyncio.Event()
        self.ended = asyncio.Event()

    @method()
    async def take(self, value: Any) -> None:
        """Wait for its own reasons alone."""
        self.called.set()
        while not self.free.is_set():
            try:
                await self.free.wait()
            except asyncio.CancelledError:
                continue
        self.ended.set()


async def test_a_limit_of_a_syntax_check_names_no_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raising a run's limits would not help."""
    monkeypatch.setattr(engine_module, "VALIDATION", Limits(timeout_s=0.2))
    config = EngineConfig(spares=0, isolation="process")
    async with asyncio.timeout(20), await AttackEngine.create(config) as engine:
        # this guest answers nothing but a start
        with pytest.raises(LimitError, match="checking its syntax hit the limit") as caught:
            await engine.validate_syntax("", "bad.x")
    assert (caught.value.limit, caught.value.value, caught.value.option) == ("timeout", 0.2, None)


async def test_a_call_that_does_not_end_does_not_hold_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The run's error comes, while a bridge that ignores its cancelling goes on by itself."""
    monkeypatch.setattr(run_module, "CLOSE_TIMEOUT_S", 0.01)
    bridge = Stubborn()
    session = Session(bridges={"demo": bridge}, name="x.x", limits=Limits(timeout_s=0.3))
    config = EngineConfig(spares=0, isolation="process")
    async with asyncio.timeout(20), await AttackEngine.create(config) as engine:
        with pytest.raises(LimitError):
            await engine.execute("flood_of_calls", session=session)
        assert bridge.called.is_set()
        assert not bridge.ended.is_set()
        bridge.free.set()
        await bridge.ended.wait()
        await session.close()


async def test_an_error_does_not_wait_for_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed process ends when the kernel schedules it again; who ran the spell knows before."""
    config = EngineConfig(spares=0, isolation="process")
    session = Session(bridges={"demo": Stubborn()}, name="x.x", limits=Limits(timeout_s=0.2))
    async with asyncio.timeout(20), await AttackEngine.create(config) as engine:
        with monkeypatch.context() as patched:
            # as if it had been killed, and not been scheduled yet
            patched.setattr(Process, "kill", lambda _: None)
            with pytest.raises(LimitError):
                await engine.execute("half_a_frame", session=session)
            assert engine._pool is not None
            (worker,) = engine._pool._workers
            assert worker.exit is None
        await session.close()
