"""The thread that owns a model's child process and answers jobs from any event loop, in order.

The child is started by this thread and lives no longer than it: Linux ties a death signal to the
thread that forks. One job at a time, first come, first served: the child computes on one thread,
so answering two at once would make both slower.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from llmspell_bridges.local import store
from llmspell_bridges.local.catalog import PROVIDER, Model
from llmspell_bridges.local.frames import Order, Report
from llmspell_bridges.local.process import ModelProcess
from llmspell_core.errors import ContextWindowError, LlmspellError, ProviderError

if TYPE_CHECKING:
    from pathlib import Path

# How long a cancelled job may keep the child before the child is killed; a new one loads in 0.5 s.
CANCEL_GRACE_S = 1.0


class Job:
    """One request of one event loop; `events` gets its reports, or the error that ends it."""

    def __init__(self, order: Order, loop: asyncio.AbstractEventLoop) -> None:
        """Bind the request to the loop that waits for it."""
        self.order = order
        self.cancelled = False
        self._loop = loop
        # Unbounded here, bounded by the model: an answer has no more chunks than the context.
        self.events: asyncio.Queue[Report | LlmspellError] = asyncio.Queue()

    def post(self, event: Report | LlmspellError) -> None:
        """Hand an event to the waiting loop, from the worker's thread."""
        try:
            self._loop.call_soon_threadsafe(self.events.put_nowait, event)
        except RuntimeError:  # the loop was closed while we computed: nobody waits any more
            self.cancelled = True


class ModelWorker:
    """Owns the child of one model; started lazily, restarted after a crash, closed once."""

    def __init__(self, model: Model, path: Path | None = None) -> None:
        """Serve `model` from `path`, or from the user's cache when that is None."""
        self._model = model
        self._path = path
        self._jobs: deque[Job] = deque()
        self._lock = threading.Lock()
        self._closed = False
        self._last_id = 0
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._process: ModelProcess | None = None
        self._thread = threading.Thread(target=self._run, name=f"llmspell {model.id}", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """The child's process id, None while there is no child."""
        process = self._process
        return None if process is None else process.pid

    def submit(self, op: Any, body: dict[str, Any], loop: asyncio.AbstractEventLoop) -> Job:
        """Queue a request.

        Raises:
            ProviderError: the worker is closed.
        """
        with self._lock:
            if self._closed:
                text = f"{self._model.id!r} is closed"
                raise ProviderError(text, provider=PROVIDER, model=self._model.id)
            self._last_id += 1
            job = Job(Order(op=op, id=self._last_id, body=body), loop)
            self._jobs.append(job)
        self._wake()
        return job

    def cancel(self, job: Job) -> None:
        """Stop answering `job`, whether it waits or runs."""
        job.cancelled = True
        with self._lock:
            if not self._closed:
                self._wake()

    def close(self) -> None:
        """End the child and the thread; whoever still waits gets an error. Idempotent."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._wake()
        self._thread.join()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # full of wake-ups already
            os.write(self._wake_write, b"x")

    def _run(self) -> None:
        """Serve jobs until closed."""
        try:
            while not self._closed:
                job = self._next()
                if job is not None:
                    self._serve(job)
        finally:
            self._stop()
            with self._lock:  # nobody wakes a descriptor that is closed
                self._closed = True
                os.close(self._wake_read)
                os.close(self._wake_write)
            text = f"{self._model.id!r} was closed while a request waited for it"
            for job in self._jobs:
                job.post(ProviderError(text, provider=PROVIDER, model=self._model.id))

    def _next(self) -> Job | None:
        """Take the next job that somebody still waits for; else wait for news."""
        with self._lock:
            while self._jobs:
                job = self._jobs.popleft()
                if not job.cancelled:
                    return job
        try:
            self._wait(None)
        except ProviderError:  # the idle child died: the next job starts another
            self._process = None
        return None

    def _wait(self, timeout_s: float | None) -> list[Report]:
        """Wait for reports of the child, a wake-up or the time."""
        if self._process is None:
            reports: list[Report] = []
            select.select([self._wake_read], [], [], timeout_s)
        else:
            reports = self._process.receive(self._wake_read, timeout_s)
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_read, 4096)
        return reports

    def _serve(self, job: Job) -> None:
        """Answer one job; every way out of here leaves its waiter an end."""
        try:
            if self._process is None:
                path = self._path or store.checked_path(self._model)
                self._process = ModelProcess(self._model, path)
            self._process.send(job.order)
            self._answer(job)
        except ContextWindowError as error:  # never sent: the child is as well as before
            job.post(error)
        except LlmspellError as error:
            self._stop()
            job.post(error)

    def _answer(self, job: Job) -> None:
        """Pass the child's reports on until the job ends; kill a child that will not stop."""
        deadline: float | None = None
        process = self._process
        while process is not None:
            if self._closed:
                text = f"{self._model.id!r} was closed while it answered"
                raise ProviderError(text, provider=PROVIDER, model=self._model.id)
            if job.cancelled and deadline is None:
                deadline = time.monotonic() + CANCEL_GRACE_S
                process.send(Order(op="cancel", id=job.order.id))
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                self._stop()
                return
            for report in self._wait(left):
                job.post(report)
                if report.kind in {"done", "error"}:
                    return

    def _stop(self) -> None:
        """End the child, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
