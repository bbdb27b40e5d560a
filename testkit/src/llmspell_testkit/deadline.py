"""An end to every case and check: cancelled when its time is over, and interrupted where it blocks the loop."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

T = TypeVar("T")
AGAIN_S = 2.0
"""How soon an alarm rings again: a finalizer, or a bare ``except``, may have swallowed the first."""


class DeadlineError(BaseException):
    """What is tested blocks the event loop; not an `Exception`, so that nothing of it catches it."""


async def within(work: Coroutine[Any, Any, T], deadline_s: float, grace_s: float) -> T:
    """Await `work` for at most that long; it may not swallow its cancellation to live on.

    What was cancelled is given half of `grace_s` to end.

    Raises:
        TimeoutError: it took longer.
    """
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait({task}, timeout=deadline_s)
    if not done:
        task.cancel()
        await asyncio.wait({task}, timeout=grace_s / 2)
        if task.done():
            with suppress(BaseException):
                task.result()
        raise TimeoutError
    return task.result()


@contextmanager
def alarm(after_s: float) -> Iterator[None]:
    """Interrupt the block where it blocks the event loop itself; on the main thread only.

    Raises:
        DeadlineError: it did.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGALRM"):
        yield
        return

    over = False

    def ring(number: int, frame: object) -> None:  # noqa: ARG001 - a signal handler's signature
        if not over:
            raise DeadlineError

    before = signal.signal(signal.SIGALRM, ring)
    left_s, _ = signal.setitimer(signal.ITIMER_REAL, after_s, AGAIN_S)
    started = time.monotonic()
    try:
        yield
    finally:
        try:
            over = True
        except DeadlineError:  # it has rung just here
            over = True
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left_s:  # somebody else's timer, such as a test runner's, goes on
            remaining_s = left_s - (time.monotonic() - started)
            if remaining_s > 0:
                signal.setitimer(signal.ITIMER_REAL, remaining_s)
            else:  # here, where its owner expects it, and not in whatever comes next
                signal.raise_signal(signal.SIGALRM)
