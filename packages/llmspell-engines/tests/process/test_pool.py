"""The pool: spares, closing at any time, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from process_helpers import FAKE, LAUNCHERS, PROCESSES, Talk, children, descriptors, until_unwatched

from llmspell_engines.host import Pool, Worker, WorkerStartError

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio
both = pytest.mark.parametrize("launcher", PROCESSES)
every = pytest.mark.parametrize("launcher", LAUNCHERS)


async def until_idle(pool: Pool, count: int) -> None:
    """Wait until the pool has `count` spares."""
    while pool.idle < count:
        assert pool._launches or pool._later, "no spare is on its way"
        if pool._launches:
            await asyncio.wait(pool._launches)
        else:
            await asyncio.sleep(0)


async def test_spares_are_made_and_made_again(open_pool: Callable[..., Any]) -> None:
    """The pool keeps its number of spares ready, and gives each out once."""
    async with open_pool(spares=2) as pool:
        await until_idle(pool, 2)
        ready = {worker.pid for worker in pool._idle}
        first, second = await pool.acquire(), await pool.acquire()
        assert {first.pid, second.pid} == ready
        await until_idle(pool, 2)
        assert (await pool.acquire()).pid not in ready


async def test_a_dead_spare_is_not_given_out(open_pool: Callable[..., Any]) -> None:
    """A spare that was killed by somebody is replaced, not handed over."""
    async with open_pool(spares=1) as pool:
        await until_idle(pool, 1)
        spare = pool._idle[0]
        os.kill(spare.pid, signal.SIGKILL)
        while spare._process.alive():
            time.sleep(0)  # the event loop must not notice
        worker = await pool.acquire()
        assert worker is not spare
        assert "Name:" in await Talk(worker).ask("read /proc/self/status")


@both
async def test_many_at_once(open_pool: Callable[..., Any]) -> None:
    """Twenty waiting callers get twenty workers."""
    async with open_pool(spares=1) as pool:
        workers = await asyncio.gather(*(pool.acquire() for _ in range(20)))
        assert len({worker.pid for worker in workers}) == 20


async def test_200_workers_leave_nothing(open_pool: Callable[..., Any]) -> None:
    """200 workers made and killed leave no descriptor, no zombie, no task."""
    async with open_pool(spares=2) as pool:
        await until_idle(pool, 2)
        before, kids = descriptors(), len(children())
        for _ in range(20):
            workers = await asyncio.gather(*(pool.acquire() for _ in range(10)))
            await asyncio.gather(*(worker.stop() for worker in workers))
        await until_idle(pool, 2)
        await until_unwatched(pool._watcher)
        assert (descriptors(), len(children())) == (before, kids)
        assert len(pool._workers) == 2


@every
async def test_closing_reaps_everything(launcher: str) -> None:
    """After `close` no child and no descriptor is left: spares, busy workers, the zygote."""
    before, kids = descriptors(), children()
    pool = Pool(LAUNCHERS[launcher](FAKE), spares=2, memory_bytes=1 << 28)
    pool.start()
    busy = await pool.acquire()
    if launcher != "thread":
        Talk(busy).tell("spin")
    await pool.close()
    assert busy.exit is not None
    assert busy.exit.reason == "closed"
    assert children() == kids
    assert not pool._workers
    if launcher != "thread":
        assert descriptors() == before


@every
@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 20])
async def test_closing_while_acquiring(launcher: str, turns: int) -> None:
    """Whoever waits for a worker while the pool closes gets an error, and nothing is left."""
    kids = children()
    pool = Pool(LAUNCHERS[launcher](FAKE), spares=1)
    pool.start()
    waiting = [asyncio.ensure_future(pool.acquire()) for _ in range(3)]
    for _ in range(turns):
        await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await pool.close()
        results = await asyncio.gather(*waiting, return_exceptions=True)
    for result in results:
        if isinstance(result, Worker):
            # it was quicker than the closing
            assert result.exit is not None
        else:
            assert isinstance(result, WorkerStartError)
    assert children() == kids
    with pytest.raises(WorkerStartError, match="closed"):
        await pool.acquire()


@both
@pytest.mark.parametrize("turns", [1, 2, 4, 9])
async def test_a_cancelled_caller_loses_no_worker(
    open_pool: Callable[..., Any], turns: int
) -> None:
    """A worker made for a caller who has gone becomes a spare, or goes to the next in line."""
    async with open_pool() as pool:
        await pool.acquire()
        leaving, staying = (asyncio.ensure_future(pool.acquire()) for _ in range(2))
        for _ in range(turns):
            await asyncio.sleep(0)
        late = not leaving.cancel()  # where nine turns took long, it has its worker by now
        worker = await staying
        if not late:
            await until_idle(pool, 1)
        assert await pool.acquire() is not worker


async def test_no_worker_is_made_for_callers_who_left(open_pool: Callable[..., Any]) -> None:
    """Whoever stopped waiting is not counted when somebody else asks."""
    async with open_pool() as pool:
        await pool.acquire()
        leaving = [asyncio.ensure_future(pool.acquire()) for _ in range(5)]
        await asyncio.sleep(0)
        for task in leaving:
            task.cancel()
        await asyncio.wait(leaving)
        assert pool._starting == 5
        staying = asyncio.ensure_future(pool.acquire())
        await asyncio.sleep(0)
        assert pool._starting == 5
        await staying
        await until_idle(pool, 4)


async def test_a_caller_cancelled_at_the_last_moment_loses_no_worker(
    open_pool: Callable[..., Any],
) -> None:
    """Cancelled between being given a worker and waking up, the worker is kept."""
    async with open_pool() as pool:
        await pool.acquire()
        leaving = asyncio.ensure_future(pool.acquire())
        await asyncio.sleep(0)
        (waiter,) = pool._waiting
        hand_over = pool._hand_over

        def hand_over_and_cancel(worker: Worker) -> None:
            hand_over(worker)
            leaving.cancel()

        pool._hand_over = hand_over_and_cancel
        await asyncio.wait([leaving])
        pool._hand_over = hand_over
        assert leaving.cancelled()
        assert waiter.done()
        assert pool.idle == 1


async def test_another_memory_limit_gets_its_own_worker(open_pool: Callable[..., Any]) -> None:
    """A worker with a limit that is not the pool's is made on demand; spares are untouched."""
    async with open_pool(spares=1, memory_bytes=1 << 28) as pool:
        await until_idle(pool, 1)
        worker = await pool.acquire_with(1 << 25)
        assert pool.idle == 1
        Talk(worker).tell(f"share {1 << 27}")
        assert (await worker.wait()).reason == "memory"
        leaving = asyncio.ensure_future(pool.acquire_with(None))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.wait(pool._launches)
        assert await pool.acquire_with(1 << 28) in pool._workers


async def test_the_pool_waits_for_nothing_when_entered(open_pool: Callable[..., Any]) -> None:
    """Entering the pool starts the zygote, and returns before it is up."""
    async with open_pool() as pool:
        assert pool._launcher.zygote.pid in children()
        assert pool.idle == 0
        # one worker is on its way, although the pool keeps no spares
        await until_idle(pool, 1)
        await pool.acquire()
        assert not pool._starting
