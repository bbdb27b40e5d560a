"""Talking to a worker, and waiting for its death."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from llmspell_engines.host import Watcher
from llmspell_engines.host.launch import ExecLauncher, ForkLauncher, ThreadLauncher
from llmspell_engines.protocol import DONE, START

if TYPE_CHECKING:
    from llmspell_engines.host import Worker
    from llmspell_engines.host.watch import Watched

HERE = Path(__file__).parent
FAKE = "fake_guest:FakeGuest"
# without the kernel lock: the fake guest looks around, which a locked one cannot (tests/lock)
PROCESSES = {"fork": partial(ForkLauncher, layers=()), "exec": partial(ExecLauncher, layers=())}
LAUNCHERS = {**PROCESSES, "thread": ThreadLauncher}


def children() -> set[int]:
    """List the children of this process's main thread, zombies included."""
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
        return {int(pid) for pid in file.read().split()}


def descriptors() -> int:
    """Count this process's open descriptors."""
    return len(os.listdir("/proc/self/fd"))


class Talk:
    """A conversation with one worker: what it says, and waiting for it."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.said: list[tuple[int, int, bytes]] = []
        self._news = asyncio.Event()
        worker.attach(self._on_message, lambda _: self._news.set())

    def _on_message(self, kind: int, id: int, payload: bytes) -> None:
        self.said.append((kind, id, payload))
        self._news.set()

    def tell(self, order: str) -> None:
        self.worker.send(START, 0, order.encode())

    def heard(self, kind: int) -> list[bytes]:
        return [payload for found, _, payload in self.said if found == kind]

    async def news(self) -> None:
        """Wait until it says something more, or ends."""
        self._news.clear()
        await self._news.wait()

    async def hear(self, kind: int = DONE) -> bytes:
        """Wait for a message of this kind; fail after 20 s, or when the worker ended."""
        async with asyncio.timeout(20):
            while not self.heard(kind):
                assert self.worker.exit is None, self.worker.exit
                await self.news()
        return self.heard(kind)[0]

    async def ask(self, order: str) -> str:
        self.tell(order)
        return (await self.hear()).decode()


class Clock:
    """A clock that goes on when it is told to, or a little with each look."""

    def __init__(self, step_s: float = 0.0) -> None:
        self.now_s = 1.0
        self.step_s = step_s

    def perf_counter(self) -> float:
        self.now_s += self.step_s
        return self.now_s


class NoWatcher(Watcher):
    """Leaves every limit to the kernel."""

    def watch(self, worker: Worker, memory_bytes: int | None) -> Watched:
        """Watch nothing."""
        return worker.watched


async def until_unwatched(watcher: Watcher) -> None:
    """Wait until the thread has seen that every worker it watched has ended."""
    async with asyncio.timeout(10):
        while not watcher.asleep:  # noqa: ASYNC110 - a thread tells nobody that it sleeps
            await asyncio.sleep(0)


async def readable(fd: int, timeout_s: float = 10.0) -> None:
    """Wait until `fd` can be read, and close it; a pid file descriptor: until its process ended."""
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(fd, ready.set)
    try:
        async with asyncio.timeout(timeout_s):
            await ready.wait()
    finally:
        loop.remove_reader(fd)
        os.close(fd)
