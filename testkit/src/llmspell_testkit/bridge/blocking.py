"""Notices that the event loop stands still, by what its thread does and not by a stopwatch."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator
    from types import FrameType

BOUND_S = 0.5
"""How long one step of the loop may compute, or wait for the kernel.

Time in which the loop's thread wants to run and gets no processor does not count, so that a busy
machine is no finding.
"""
_SAMPLE_S = 0.02
SLEEP_S = 0.05
"""How long a `time.sleep` may be: one of no time lets other threads go on, and is none."""
_C_EVENTS = frozenset({"c_call", "c_return"})
_WAITING = frozenset({"S", "D"})


class Heartbeat:
    """Asks the loop for a sign of life, again and again, from a thread of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Watch the loop that runs in this thread."""
        self.blocked: str | None = None
        self._loop = loop
        self._ident = threading.get_ident()
        self._native = threading.get_native_id()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="llmspell-heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.is_set() and self.blocked is None:
            beat = threading.Event()
            self._loop.call_soon_threadsafe(beat.set)
            started, waited_s, last = self._cpu_s(), 0.0, time.monotonic()
            while not beat.wait(_SAMPLE_S) and not self._stop.is_set():
                now = time.monotonic()
                # a sample that came late says nothing of the time before it
                waited_s += min(now - last, 2 * _SAMPLE_S) if self._waits() else 0.0
                last = now
                if waited_s + self._cpu_s() - started > BOUND_S:
                    self.blocked = self._where()
                    return

    def _cpu_s(self) -> float:
        clock = getattr(time, "pthread_getcpuclockid", None)
        return 0.0 if clock is None else time.clock_gettime(clock(self._ident))

    def _waits(self) -> bool:
        """Say whether the loop's thread sleeps in the kernel; where that is not told, it does.

        While another thread wants to run, it may be the interpreter's lock that is waited for.
        """
        states = _thread_states()
        own = states.pop(self._native, "S")
        states.pop(threading.get_native_id(), None)
        return own in _WAITING and "R" not in states.values()

    def _where(self) -> str:
        frame = sys._current_frames().get(self._ident)  # noqa: SLF001 - documented for this use
        stack = traceback.extract_stack(frame)[-3:]
        return " > ".join(f"{Path(it.filename).name}:{it.lineno} {it.name}" for it in stack)


def _thread_states() -> dict[int, str]:
    """Map each thread of this process to its state, as ``/proc`` tells it; empty elsewhere."""
    found = {}
    for task in Path("/proc/self/task").glob("*/stat"):
        try:
            text = task.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # it has just ended
        found[int(task.parent.name)] = text.rpartition(")")[2].split()[0]
    return found


@contextmanager
def sleeps() -> Iterator[list[float]]:
    """Note the calls of `time.sleep` in this thread within the block that took a while, in seconds.

    Python tells audit hooks of them from 3.13 on only, so the thread is profiled meanwhile.
    """
    found: list[float] = []
    started = 0.0
    before = sys.getprofile()

    def profile(frame: FrameType, event: Any, arg: Any) -> None:
        nonlocal started
        if event in _C_EVENTS and arg is time.sleep:
            if event == "c_call":
                started = time.monotonic()
            elif time.monotonic() - started >= SLEEP_S:
                found.append(time.monotonic() - started)
        if before is not None:
            before(frame, event, arg)

    sys.setprofile(profile)
    try:
        yield found
    finally:
        sys.setprofile(before)


@contextmanager
def heartbeat(loop: asyncio.AbstractEventLoop) -> Iterator[Heartbeat]:
    """Watch the loop within the block."""
    watch = Heartbeat(loop)
    try:
        yield watch
    finally:
        watch.stop()
