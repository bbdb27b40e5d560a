"""The memory limit: the kernel's, and the poller's."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest
from process_helpers import PROCESSES, Talk

from llmspell_engines.host import MemoryPoller

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1024 * 1024
pytestmark = pytest.mark.anyio
both = pytest.mark.parametrize("launcher", PROCESSES)


class _NoPoller(MemoryPoller):
    """Leaves the limit to the kernel."""

    def watch(self, worker: Any, memory_bytes: int) -> None:
        pass


@both
async def test_rlimit_data_stops_an_allocation(open_pool: Callable[..., Any]) -> None:
    """Without any help of the host, private memory ends at the limit and its headroom."""
    async with open_pool(memory_bytes=32 * MIB, poller=_NoPoller()) as pool:
        talk = Talk(await pool.acquire())
        assert await talk.ask(f"allocate {16 * MIB}") == "allocated"
        talk.said.clear()
        assert await talk.ask(f"allocate {256 * MIB}") == "MemoryError"


@both
async def test_the_poller_kills_what_grows_beyond_its_limit(open_pool: Callable[..., Any]) -> None:
    """Shared memory, which RLIMIT_DATA does not count, is found by the poller."""
    async with open_pool(memory_bytes=32 * MIB) as pool:
        worker = await pool.acquire()
        Talk(worker).tell(f"share {512 * MIB}")
        ended = await worker.wait()
        assert (ended.reason, ended.signal) == ("memory", signal.SIGKILL)
        assert ended.out_of_memory


@both
async def test_within_the_limit_nothing_happens(open_pool: Callable[..., Any]) -> None:
    """A spell may use what it was given, and other workers' memory is not its own."""
    async with open_pool(memory_bytes=64 * MIB) as pool:
        talks = [Talk(await pool.acquire()) for _ in range(2)]
        for talk in talks:
            assert await talk.ask(f"allocate {48 * MIB}") == "allocated"
        poller: MemoryPoller = pool._poller
        for watched in poller._workers:
            assert not watched.over()
            assert watched.read_exact() - watched.baseline >= 48 * MIB


async def test_no_limit_means_none(open_pool: Callable[..., Any]) -> None:
    """None is unlimited, and nothing is polled."""
    async with open_pool(memory_bytes=None) as pool:
        assert await Talk(await pool.acquire()).ask(f"allocate {128 * MIB}") == "allocated"
        assert pool._poller._timer is None


async def test_an_idle_poller_sleeps(open_pool: Callable[..., Any]) -> None:
    """Spares are not polled, and after the last worker the poller stops."""
    async with open_pool(memory_bytes=64 * MIB, spares=1) as pool:
        worker = await pool.acquire()
        poller: MemoryPoller = pool._poller
        assert len(poller._workers) == 1
        await worker.stop()
        assert not poller._workers
        poller._tick()
        assert poller._timer is None


async def test_processor_time_can_be_limited(open_pool: Callable[..., Any]) -> None:
    """A worker that computes longer than it may is ended by the kernel."""
    async with open_pool() as pool:
        worker = await pool.acquire()
        worker.limit_cpu(0.5)
        Talk(worker).tell("spin")
        ended = await worker.wait()
        assert (ended.reason, ended.signal) == ("crashed", signal.SIGXCPU)
