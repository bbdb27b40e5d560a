"""A pool of ready workers of one engine."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from llmspell_engines.host.cgroup import Cgroups
from llmspell_engines.host.memory import HEADROOM_BYTES
from llmspell_engines.host.watch import Watcher
from llmspell_engines.host.worker import WorkerStartError

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType
    from typing import Self

    from llmspell_engines.host.exit import Exit
    from llmspell_engines.host.launch import Launcher
    from llmspell_engines.host.worker import Worker

REFILL_AFTER_S = 0.003
"""How long a spell has the machine to itself: a fork at once cost it a third of a short one's time."""


class Pool:
    """Keeps `spares` workers ready, gives each out once, and owns all of them until they end.

    A worker is never reused. `memory_bytes` is what a spell may use beyond an idle worker; None
    is unlimited. Closing is safe at any time: whoever still waits gets a `WorkerStartError`.
    """

    def __init__(
        self,
        launcher: Launcher,
        *,
        spares: int = 1,
        memory_bytes: int | None = None,
        watcher: Watcher | None = None,
        cgroups: Cgroups | None = None,
    ) -> None:
        """Nothing starts before the pool is entered, or first asked."""
        self.memory_bytes = memory_bytes
        self.spares = spares
        self._launcher = launcher
        self._watcher = watcher or Watcher()
        self._cgroups = cgroups or Cgroups.find()
        self._workers: set[Worker] = set()
        self._idle: deque[Worker] = deque()
        self._waiting: deque[asyncio.Future[Worker]] = deque()
        self._launches: set[asyncio.Task[None]] = set()
        # not len(_launches): a task that has handed its worker over is not done at once
        self._starting = 0
        self._later: asyncio.TimerHandle | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        """Start the zygote and the spares; waits for neither."""
        self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()

    def start(self) -> None:
        """Start the zygote and the first worker; call it from the loop's thread.

        One worker is made ahead even without spares: who starts a pool is about to run a spell.
        """
        self._launcher.start()
        self._refill(max(1, self.spares))

    async def acquire(self) -> Worker:
        """Give out a worker that is READY; it is the caller's to stop.

        Raises:
            WorkerStartError: the engine could not be loaded, or the pool is closed.
        """
        self._check_open()
        while self._idle:
            worker = self._idle.popleft()
            if worker.usable():
                self._refill_soon()
                return self._give(worker, self.memory_bytes)
        waiter: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._refill()
        try:
            return self._give(await waiter, self.memory_bytes)
        except asyncio.CancelledError:
            if waiter.cancelled():
                with suppress(ValueError):  # whoever looked for one who waits has passed it by
                    self._waiting.remove(waiter)
            elif waiter.done() and waiter.exception() is None:
                self._hand_over(waiter.result())
            raise

    async def acquire_with(self, memory_bytes: int | None) -> Worker:
        """Give out a worker whose memory limit is not the pool's; it is made on demand.

        Raises:
            WorkerStartError: the engine could not be loaded, or the pool is closed.
        """
        if memory_bytes == self.memory_bytes:
            return await self.acquire()
        self._check_open()
        waiter: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()
        self._run(self._launch_with(memory_bytes, waiter))
        try:
            return self._give(await waiter, memory_bytes)
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                waiter.result().kill("unwanted")
            raise

    async def close(self) -> None:
        """Kill every worker, given out or not, and wait until all are reaped."""
        self._closed = True
        if self._later is not None:
            self._later.cancel()
        self._fail_waiting()
        for worker in tuple(self._workers):
            worker.kill("closed")
        await self._launcher.close()
        if self._launches:
            await asyncio.wait(self._launches)
        await asyncio.gather(*(worker.stop() for worker in tuple(self._workers)))
        self._watcher.close()

    @property
    def idle(self) -> int:
        """How many spares are ready."""
        return len(self._idle)

    def _give(self, worker: Worker, memory_bytes: int | None) -> Worker:
        worker.watched = self._watcher.watch(worker, memory_bytes)
        return worker

    def _check_open(self) -> None:
        if self._closed:
            text = "the pool of workers is closed"
            raise WorkerStartError(text)

    def _fail_waiting(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                text = "the pool of workers was closed"
                waiter.set_exception(WorkerStartError(text))

    def _refill_soon(self) -> None:
        """Make the next spare once the spell just given a worker has had its start."""
        if self._later is None:
            loop = asyncio.get_running_loop()
            self._later = loop.call_later(REFILL_AFTER_S, self._refill)

    def _refill(self, spares: int | None = None) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None
        if self._closed:
            return
        wanted = len(self._waiting) + (self.spares if spares is None else spares)
        for _ in range(wanted - len(self._idle) - self._starting):
            self._starting += 1
            self._run(self._launch_spare())

    def _run(self, launch: Coroutine[None, None, None]) -> None:
        """Let the pool own a launch: callers come and go, workers must be reaped."""
        task = asyncio.get_running_loop().create_task(launch)
        self._launches.add(task)
        task.add_done_callback(self._launches.discard)

    async def _launch_spare(self) -> None:
        try:
            worker = await self._launch(self.memory_bytes)
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits
            self._pass_on(error)
        else:
            self._hand_over(worker)
        finally:
            self._starting -= 1

    async def _launch_with(self, memory_bytes: int | None, waiter: asyncio.Future[Worker]) -> None:
        try:
            worker = await self._launch(memory_bytes)
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits
            if not waiter.done():
                waiter.set_exception(error)
            return
        if waiter.done():
            worker.kill("unwanted")
        else:
            waiter.set_result(worker)

    async def _launch(self, memory_bytes: int | None) -> Worker:
        worker = await self._launcher.launch(memory_bytes)
        self._workers.add(worker)
        if self._cgroups and worker.pid and memory_bytes is not None:
            most = memory_bytes + HEADROOM_BYTES
            worker.cgroup = await asyncio.to_thread(self._cgroups.hold, worker.pid, most)
            if worker.cgroup is not None and worker.exit is not None:
                worker.cgroup.end()
        worker.on_exit(lambda exit_: self._ended(worker, exit_))
        if self._closed:
            worker.kill("closed")
            self._check_open()
        return worker

    def _hand_over(self, worker: Worker) -> None:
        """Give `worker` to the first who waits, or keep it as a spare."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(worker)
                return
        self._idle.append(worker)

    def _pass_on(self, error: Exception) -> None:
        """Raise `error` at the first who waits; a spare that failed is tried again when needed."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(error)
                return

    def _ended(self, worker: Worker, _: Exit) -> None:
        self._workers.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)
