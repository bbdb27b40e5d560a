"""The event loop that a contract's tests run on: it ends, whatever they have left on it.

asyncio's own end waits for every task and for every thread of the loop's pool; and so does Python's
when it exits, for the threads, which no test's time limit reaches any more.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")
_Job = tuple[Future[Any], "Callable[[], Any]"]


class LoopThreads(ThreadPoolExecutor):
    """The pool of a loop: as large as asyncio's and named so, of threads that hold no exit up.

    It has the base that a loop asks for, and nothing of what that does.
    """

    def __init__(self) -> None:
        """Start no thread yet."""
        super().__init__(min(32, (os.cpu_count() or 1) + 4), "asyncio")
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._started: list[threading.Thread] = []
        self._free = threading.Semaphore(0)
        self._ended = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Call a function in a thread that is idle, or in a new one, or when one is free."""
        if self._ended:
            raise RuntimeError("the loop of this pool is closed")
        future: Future[T] = Future()
        self._jobs.put((future, lambda: fn(*args, **kwargs)))
        if not self._free.acquire(blocking=False) and len(self._started) < self._max_workers:
            name = f"asyncio_{len(self._started)}"
            thread = threading.Thread(target=self._worker, name=name, daemon=True)
            self._started.append(thread)
            thread.start()
        return future

    def _worker(self) -> None:
        while (job := self._jobs.get()) is not None:
            tell = _do(*job)
            # first: who is told may ask for more at once, and then finds this thread free
            self._free.release()
            tell()
            del job, tell  # an idle thread keeps nothing

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - the base's signature
        """Let each thread end when it has done what it is at."""
        self._ended = True
        for _ in self._started:
            self._jobs.put(None)

    def end(self, within_s: float) -> list[str]:
        """End the threads; return those that still work after so long, and where they are."""
        self.shutdown()
        end = time.monotonic() + within_s
        for thread in self._started:
            thread.join(max(0.0, end - time.monotonic()))
        frames = sys._current_frames()  # noqa: SLF001 - documented, and the only way to see a stack
        return [
            f"the thread {thread.name} ({_where(frames.get(thread.ident or 0))})"
            for thread in self._started
            if thread.is_alive()
        ]


def _do(future: Future[Any], work: Callable[[], Any]) -> Callable[[], None]:
    """Do a job; return what tells whoever waits for it."""
    if not future.set_running_or_notify_cancel():
        return lambda: None
    try:
        return partial(future.set_result, work())
    except BaseException as error:  # noqa: BLE001 - whoever waits gets it
        return partial(future.set_exception, error)


def _where(frame: Any) -> str:
    stack = traceback.extract_stack(frame)[-3:]
    return " > ".join(f"{Path(it.filename).name}:{it.lineno} {it.name}" for it in stack)


class ContractLoop:
    """Runs coroutines one after the other, as `asyncio.Runner` does."""

    def __init__(self) -> None:
        """Make no loop yet."""
        self._threads = LoopThreads()
        self._runner = asyncio.Runner(loop_factory=self._made)

    def _made(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        loop.set_default_executor(self._threads)
        return loop

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end."""
        return self._runner.run(work)

    def close(self, within_s: float) -> list[str]:
        """End it all; return what did not end within so long, each by its name."""
        left = [*self._runner.run(_end_tasks(within_s)), *self._threads.end(within_s)]
        if left:  # the runner would wait for it
            self._runner.get_loop().close()
            asyncio.set_event_loop(None)
        else:
            self._runner.close()
        return left


async def _end_tasks(within_s: float) -> list[str]:
    """Cancel every other task, and close what generators are open."""
    loop, own = asyncio.get_running_loop(), asyncio.current_task()
    tasks = {task for task in asyncio.all_tasks() if task is not own}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=within_s)
    closing = asyncio.ensure_future(loop.shutdown_asyncgens())
    await asyncio.wait({closing}, timeout=within_s)
    left = {task for task in tasks if not task.done()}
    for task in tasks - left:
        if not task.cancelled() and (error := task.exception()):
            about = {"message": "a task failed as it was cancelled", "exception": error}
            loop.call_exception_handler({**about, "task": task})
    names = [f"the task {task.get_name()} of {task.get_coro()!r:.160}" for task in left]
    return names if closing.done() else [*names, "an asynchronous generator"]
