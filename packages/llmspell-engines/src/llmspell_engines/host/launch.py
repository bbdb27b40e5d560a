"""Launchers: three ways to make a worker, behind one interface."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from llmspell_engines.host.spawn import error_pipe, spawn
from llmspell_engines.host.worker import START_TIMEOUT_S, Worker, WorkerStartError
from llmspell_engines.host.zygote import Zygote, ZygoteGoneError
from llmspell_engines.protocol import LAYERS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

Level: TypeAlias = Literal["locked", "process", "inproc"]

_ATTEMPTS = 3
"""A zygote vanished once in thousands of forks, unexplained: another one is made."""


class Launcher(Protocol):
    """Makes workers of one engine."""

    def start(self) -> None:
        """Begin with whatever the first launch would have to wait for."""

    async def launch(self, memory_bytes: int | None) -> Worker:
        """Make one worker and wait for its READY.

        Raises:
            WorkerStartError: the engine could not be loaded, or the worker died.
        """

    async def close(self) -> None:
        """Let go of everything but the workers."""


def make_launcher(guest: str, level: Level = "locked", *, zygote: bool = True) -> Launcher:
    """Choose the launcher for a guest (``package.module:Class``) at an isolation level.

    Without `zygote` every worker is a fresh Python: for a program that runs one spell and ends,
    this saves the fork. Elsewhere it costs 20 to 150 ms for each spell.
    """
    if level == "inproc":
        return ThreadLauncher(guest)
    layers = LAYERS if level == "locked" else ()
    return ForkLauncher(guest, layers) if zygote and can_fork() else ExecLauncher(guest, layers)


def can_fork() -> bool:
    """Say whether workers can be forked from a zygote here: Linux, on a known machine."""
    if sys.platform != "linux":
        return False
    from llmspell_engines.worker.linux import can_fork_for_parent

    return can_fork_for_parent()


class _Ends:
    """Both ends of a new worker's socket and stderr; theirs are closed on leaving the block."""

    def __enter__(self) -> Self:
        ours, self.theirs = socket.socketpair()
        reading, self.errors = error_pipe()
        self.worker = Worker(ours, reading)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.theirs.close()
        os.close(self.errors)
        if error is not None:
            self.worker.abandon(str(error))


class ForkLauncher:
    """Linux: a zygote forks workers, which are the host's own children.

    Workers apply the `layers` of the kernel lock as far as they are to be had.
    """

    def __init__(self, guest: str, layers: Sequence[str] = LAYERS) -> None:
        """Nothing starts yet."""
        self.guest = guest
        self.layers = layers
        self.zygote: Zygote | None = None
        self._closed = False

    def start(self) -> None:
        """Start the zygote, if there is none alive."""
        if self.zygote is None or self.zygote.ended:
            self.zygote = Zygote(self.guest, self._zygote_ended, self.layers)

    async def launch(self, memory_bytes: int | None) -> Worker:
        """Fork one worker, from another zygote if the first one vanishes."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                worker = await self._fork(memory_bytes)
            except ZygoteGoneError as gone:
                if gone.by_itself or attempt == _ATTEMPTS or self._closed:
                    raise
            else:
                await worker.ready()
                return worker
        raise AssertionError  # the last attempt returned or raised

    async def close(self) -> None:
        """End the zygote."""
        self._closed = True
        if self.zygote is not None:
            await self.zygote.close()

    async def _fork(self, memory_bytes: int | None) -> Worker:
        if self._closed:
            text = "the launcher is closed"
            raise WorkerStartError(text)
        self.start()
        assert self.zygote is not None  # noqa: S101 - `start` just made it
        with _Ends() as ends:
            worker = ends.worker
            answer = await self.zygote.fork(ends.theirs.fileno(), ends.errors, memory_bytes)
            # the child gets its owner, whoever still waits
            answer.add_done_callback(worker.adopt_answer)
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await asyncio.shield(answer)
        except TimeoutError:
            # one that hangs would hang for the next caller too
            self.zygote.kill()
            text = f"the zygote of {self.guest} did not answer within {START_TIMEOUT_S:g} s"
            raise WorkerStartError(text) from None
        except BaseException:
            worker.kill("start")
            raise
        return worker

    def _zygote_ended(self, zygote: Zygote) -> None:
        if zygote.forks and not self._closed:
            self.start()


class ExecLauncher:
    """Any POSIX: every worker is a fresh Python. See `ForkLauncher` for `layers`."""

    def __init__(self, guest: str, layers: Sequence[str] = LAYERS) -> None:
        """Nothing starts yet."""
        self.guest = guest
        self.layers = layers

    def start(self) -> None:
        """Nothing is shared, so nothing can begin early."""

    async def launch(self, memory_bytes: int | None) -> Worker:
        """Spawn one worker."""
        memory = "" if memory_bytes is None else str(memory_bytes)
        with _Ends() as ends:
            fd = ends.theirs.fileno()
            pid = spawn(
                "worker", self.guest, memory, sock=fd, errors=ends.errors, layers=self.layers
            )
            ends.worker.adopt(pid)
        await ends.worker.ready()
        return ends.worker

    async def close(self) -> None:
        """Nothing is shared."""


class ThreadLauncher:
    """The level ``inproc``: the engine in a thread of this process, for trusted code and tests.

    A thread cannot be killed: one that never returns is abandoned.
    """

    def __init__(self, guest: str) -> None:
        """Nothing starts yet."""
        self.guest = guest

    def start(self) -> None:
        """Nothing is shared, so nothing can begin early."""

    async def launch(self, memory_bytes: int | None) -> Worker:
        """Start one thread."""
        from llmspell_engines.worker.main import run_in_thread

        ours, theirs = socket.socketpair()
        worker = Worker(ours, threaded=True)
        arguments = (self.guest, theirs.detach(), memory_bytes)
        threading.Thread(target=run_in_thread, args=arguments, daemon=True).start()
        await worker.ready()
        return worker

    async def close(self) -> None:
        """Nothing is shared."""
