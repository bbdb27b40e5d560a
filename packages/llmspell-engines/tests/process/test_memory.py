"""The memory limit: the kernel's, and the watcher's."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest
from process_helpers import PROCESSES, NoWatcher, Talk

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1024 * 1024
pytestmark = pytest.mark.anyio
both = pytest.mark.parametrize("launcher", PROCESSES)


@both
async def test_rlimit_data_stops_an_allocation(open_pool: Callable[..., Any]) -> None:
    """Without any help of the host, private memory ends at the limit and its headroom."""
    async with open_pool(memory_bytes=32 * MIB, watcher=NoWatcher()) as pool:
        talk = Talk(await pool.acquire())
        assert await talk.ask(f"allocate {16 * MIB}") == "allocated"
        talk.said.clear()
        assert await talk.ask(f"allocate {256 * MIB}") == "MemoryError"


@both
async def test_the_watcher_kills_what_grows_beyond_its_limit(open_pool: Callable[..., Any]) -> None:
    """Shared memory, which RLIMIT_DATA does not count, is found by the watcher."""
    async with open_pool(memory_bytes=32 * MIB) as pool:
        worker = await pool.acquire()
        Talk(worker).tell(f"share {512 * MIB}")
        ended = await worker.wait()
        assert (ended.reason, ended.signal, ended.limit) == ("memory", signal.SIGKILL, "memory")


@both
async def test_within_the_limit_nothing_happens(open_pool: Callable[..., Any]) -> None:
    """A spell may use what it was given, and other workers' memory is not its own."""
    async with open_pool(memory_bytes=64 * MIB) as pool:
        workers = [await pool.acquire() for _ in range(2)]
        for worker in workers:
            assert await Talk(worker).ask(f"allocate {48 * MIB}") == "allocated"
        for worker in workers:
            memory = worker.watched._memory
            assert not memory.over()
            assert memory.grown_bytes() >= 48 * MIB


async def test_no_limit_means_none(open_pool: Callable[..., Any]) -> None:
    """None is unlimited."""
    async with open_pool(memory_bytes=None) as pool:
        assert await Talk(await pool.acquire()).ask(f"allocate {256 * MIB}") == "allocated"


@both
@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGILL, signal.SIGSEGV])
async def test_a_crash_of_a_full_engine_is_want_of_memory(
    open_pool: Callable[..., Any], number: signal.Signals
) -> None:
    """V8 aborts without a word when it is refused some kinds of memory."""
    async with open_pool(memory_bytes=64 * MIB) as pool:
        worker = await pool.acquire()
        talk = Talk(worker)
        assert await talk.ask(f"allocate {48 * MIB}") == "allocated"
        talk.tell(f"signal {number.value}")
        ended = await worker.wait()
        assert (ended.reason, ended.signal, ended.limit) == ("crashed", number, "memory")


async def test_a_trap_without_a_word_is_want_of_memory(open_pool: Callable[..., Any]) -> None:
    """Buffers that nothing touched count as nothing, and V8 traps on what it is refused beside them."""
    async with open_pool(memory_bytes=64 * MIB) as pool:
        worker = await pool.acquire()
        Talk(worker).tell(f"signal {signal.SIGTRAP.value}")
        ended = await worker.wait()
        assert (ended.reason, ended.signal, ended.limit) == ("crashed", signal.SIGTRAP, "memory")
