"""Wall clock and processor time, held from a thread of the host's."""

from __future__ import annotations

import os
import select
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest
from process_helpers import PROCESSES, NoWatcher, Talk, until_unwatched

from llmspell_engines.host.cpu import limit_processor_time
from llmspell_engines.protocol import LOG

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio
both = pytest.mark.parametrize("launcher", PROCESSES)


def wait_blocking(pid: int) -> bool:
    """Block this thread, and with it the event loop, until a child has ended; at most 10 s."""
    pidfd = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        return bool(poll.poll(10_000))
    finally:
        os.close(pidfd)


async def _spinning(pool: Any) -> tuple[Any, list[str]]:
    """Start a worker that computes for ever; return it and the limits it will be killed for."""
    worker = await pool.acquire()
    limits: list[str] = []
    talk = Talk(worker)
    worker.attach(talk._on_message, lambda _: talk._news.set(), limits.append)
    talk.tell("spin")
    await talk.hear(LOG)
    return worker, limits


@both
async def test_the_wall_clock_ends_a_worker_while_the_loop_is_busy(
    open_pool: Callable[..., Any],
) -> None:
    """A library that blocks the event loop does not give other spells more time."""
    async with open_pool() as pool:
        worker, limits = await _spinning(pool)
        worker.watched.limit_time(0.05)
        assert wait_blocking(worker.pid)
        ended = await worker.wait()
        assert (ended.reason, ended.signal, ended.limit) == ("timeout", signal.SIGKILL, "timeout")
        assert limits == ["timeout"]


@both
async def test_a_wall_clock_can_be_lifted(open_pool: Callable[..., Any]) -> None:
    """A worker whose clock is stopped goes on, and can be held to another time."""
    async with open_pool() as pool:
        worker = await pool.acquire()
        worker.watched.limit_time(30.0)
        worker.watched.limit_time(None)
        assert worker.watched.deadline is None
        worker.watched.limit_time(0.01)
        assert (await worker.wait()).limit == "timeout"


@both
async def test_processor_time_is_held_to_less_than_a_second(open_pool: Callable[..., Any]) -> None:
    """The watcher ends it, while the loop is busy, long before the kernel's limit would."""
    async with open_pool() as pool:
        worker, limits = await _spinning(pool)
        worker.watched.limit_cpu(0.1)
        assert wait_blocking(worker.pid)
        ended = await worker.wait()
        assert (ended.reason, ended.signal, ended.limit) == ("cpu", signal.SIGKILL, "cpu")
        assert limits == ["cpu"]


@both
async def test_time_before_the_limit_does_not_count(open_pool: Callable[..., Any]) -> None:
    """What a spare used for its own start is not the spell's."""
    async with open_pool() as pool:
        worker = await pool.acquire()
        talk = Talk(worker)
        assert await talk.ask("burn 0.6") == "burnt"
        talk.said.clear()
        worker.watched.limit_cpu(0.5)
        assert await talk.ask("burn 0.1") == "burnt"
        talk.tell("burn 5")
        assert (await worker.wait()).limit == "cpu"


@both
async def test_the_kernel_holds_processor_time_when_nobody_looks(
    open_pool: Callable[..., Any],
) -> None:
    """RLIMIT_CPU stands behind the watcher, and its signal is known as the limit."""
    async with open_pool(watcher=NoWatcher()) as pool:
        worker, _ = await _spinning(pool)
        limit_processor_time(worker.pid, 0.01)
        ended = await worker.wait()
        assert (ended.reason, ended.signal, ended.limit) == ("crashed", signal.SIGXCPU, "cpu")


async def test_an_idle_watcher_sleeps_and_holds_nothing(open_pool: Callable[..., Any]) -> None:
    """Spares are not watched; after the last worker the thread sleeps, and it ends with the pool."""
    async with open_pool(memory_bytes=1 << 30, spares=1) as pool:
        watcher = pool._watcher
        worker = await pool.acquire()
        statm = worker.watched._memory._statm
        assert [watched.worker for watched in (*watcher._watched, *watcher._new)] == [worker]
        await worker.stop()
        await until_unwatched(watcher)
        assert not watcher._watched
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(statm)
    assert not _threads()


def _threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "llmspell-watch"]
