"""Whole spells when something around them dies: the zygote, the worker's turn, the host, its thread."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core import EngineConfig, Limits, ScriptTimeoutError, Session
from llmspell_engines.host import undumpable

sys.path.insert(0, str(Path(__file__).parent))

from attack_host import CALLS, AttackEngine, Demo, GoodEngine, spell

if TYPE_CHECKING:
    from llmspell_core.engine import Isolation

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio."""
    return "asyncio"


def children() -> set[int]:
    """List the children of this process, zombies included."""
    found: set[int] = set()
    for thread in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # the thread has just ended
            found |= {int(pid) for pid in (thread / "children").read_text("ascii").split()}
    return found


async def ended(pidfds: list[int]) -> None:
    """Wait until the processes of `pidfds` have ended, and close these."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(20):
            for pidfd in pidfds:
                gone = asyncio.Event()
                loop.add_reader(pidfd, gone.set)
                await gone.wait()
                loop.remove_reader(pidfd)
    finally:
        for pidfd in pidfds:
            # where this fails, nothing else ends them
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
            os.close(pidfd)


async def test_ten_running_spells_do_not_notice_a_killed_zygote() -> None:
    """Spells that run go on, spells that begin get workers of another zygote."""
    before = children()
    async with await GoodEngine.create(EngineConfig(spares=1)) as engine:
        zygote = engine._pool._launcher.zygote
        first = [asyncio.ensure_future(spell(engine, "")) for _ in range(10)]
        # all of them run, or the quickest has ended before the last could begin
        while len(engine._pool._workers) < 10 and not any(one.done() for one in first):  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0)
        zygote.kill()
        then = [asyncio.ensure_future(spell(engine, "")) for _ in range(10)]
        async with asyncio.timeout(30):
            assert await asyncio.gather(*first, *then) == [CALLS] * 20
        assert engine._pool._launcher.zygote is not zygote
        engine._pool._launcher.zygote.kill()
        assert await spell(engine, "") == CALLS
    assert children() == before


async def test_a_stopped_worker_is_killed_at_the_wall_clock() -> None:
    """A worker that was stopped by a signal does not outlive its limit."""
    before = children()
    session = Session(bridges={"demo": Demo()}, limits=Limits(timeout_s=0.5))
    async with await AttackEngine.create(EngineConfig(spares=0)) as engine:
        running = asyncio.ensure_future(engine.execute("flood_of_calls", session=session))
        while not any(w._on_message for w in engine._pool._workers):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0)
        (worker,) = (worker for worker in engine._pool._workers if worker._on_message)
        os.kill(worker.pid, signal.SIGSTOP)
        async with asyncio.timeout(20):
            with pytest.raises(ScriptTimeoutError):
                await running
            assert (await worker.wait()).signal == signal.SIGKILL
        await session.close()
    assert children() == before


HOST = """
import asyncio, sys
sys.path.insert(0, {here!r})
from attack_host import *
from test_deaths import children

async def main():
    config = EngineConfig(spares=1, isolation={isolation!r}, one_shot={one_shot})
    async with await AttackEngine.create(config) as engine:
        running = [asyncio.ensure_future(spell(engine, a, None)) for a in ("flood_of_logs", "half_a_frame")]
        while sum(bool(worker._on_message) for worker in engine._pool._workers) < 2:
            await asyncio.sleep(0.01)
        print(*children(), flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("one_shot", [False, True])
@pytest.mark.parametrize("isolation", ["locked", "process"])
async def test_a_killed_host_leaves_nothing_alive(isolation: Isolation, one_shot: bool) -> None:  # noqa: FBT001 - a case of both
    """A SIGKILL of the host ends its zygote, its spare and its running workers, at either level."""
    code = HOST.format(here=str(Path(__file__).parent), isolation=isolation, one_shot=one_shot)
    path = os.pathsep.join(sys.path)
    host = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert host.stdout is not None
    async with asyncio.timeout(30):
        pids = [int(pid) for pid in (await host.stdout.readline()).split()]
    assert len(pids) >= (2 if one_shot else 3)
    pidfds = [os.pidfd_open(pid) for pid in pids]
    host.kill()
    await host.communicate()
    await ended(pidfds)


async def test_a_thread_that_ends_takes_its_workers_along() -> None:
    """A loop that is abandoned in a thread leaves no worker to an application that goes on."""
    before = children()
    pids: set[int] = set()
    kept: list[Any] = []

    async def run() -> None:
        engine = await AttackEngine.create(EngineConfig(spares=0))
        kept.extend((engine, asyncio.ensure_future(spell(engine, "flood_of_logs", None))))
        while not any(w._on_message for w in engine._pool._workers):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
        pids.update(children() - before)

    def abandon() -> None:
        loop = asyncio.new_event_loop()
        kept.append(loop)
        loop.run_until_complete(run())

    thread = threading.Thread(target=abandon)
    thread.start()
    await asyncio.to_thread(thread.join)
    # what the engine would have done, had it been closed
    undumpable.release()
    assert len(pids) >= 2
    for pid in pids:
        os.waitpid(pid, 0)
    assert children() == before
