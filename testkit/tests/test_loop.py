"""The loop of a contract's tests ends, whatever is left on it, and says what that was."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time

import pytest

from llmspell_testkit.bridge.leaks import held, until
from llmspell_testkit.deadline import DeadlineError, alarm
from llmspell_testkit.loop import ContractLoop


def test_what_runs_on_it_is_answered() -> None:
    """Coroutines, and functions in threads, give their results and errors; then nothing is left."""
    loop = ContractLoop()

    async def work() -> list[object]:
        calls = [asyncio.to_thread(divmod, 7, number) for number in (1, 0, 2)]
        return await asyncio.gather(*calls, return_exceptions=True)

    one, error, two = loop.run(work())
    assert (one, two) == ((7, 0), (3, 1))
    assert isinstance(error, ZeroDivisionError)
    assert loop.close(5.0) == []
    assert not any(thread.is_alive() for thread in loop._threads._started)


def test_calls_at_once_have_threads_of_their_own_and_idle_ones_are_used_again() -> None:
    """As many as wait for each other run, and one that is free is taken before another is made."""
    loop = ContractLoop()
    meeting = threading.Barrier(3)

    async def meet() -> int:
        await asyncio.gather(*(asyncio.to_thread(meeting.wait, 20) for _ in range(3)))
        for _ in range(9):
            await asyncio.to_thread(time.monotonic)
        return len(loop._threads._started)

    async def idle() -> bool:
        own = {f"{thread.name} #{thread.ident}" for thread in loop._threads._started}
        return await until(lambda: not own & held().threads, 20)

    assert loop.run(meet()) == 3
    assert loop.run(idle())
    assert loop.close(5.0) == []


def test_a_call_that_is_cancelled_before_a_thread_is_free_is_not_made() -> None:
    """What nobody waits for any more is taken out of the queue."""
    loop, stop, made = ContractLoop(), threading.Event(), list[int]()

    async def work() -> None:
        waiting = [asyncio.ensure_future(asyncio.to_thread(stop.wait, 20)) for _ in range(64)]
        late = asyncio.ensure_future(asyncio.to_thread(made.append, 1))
        await asyncio.sleep(0)
        late.cancel()
        await asyncio.wait({late})
        stop.set()
        await asyncio.gather(*waiting)

    loop.run(work())
    assert loop.close(5.0) == []
    assert made == []


def test_a_thread_that_does_not_end_is_named() -> None:
    """Closing waits for it no longer than it is told, and says where it is."""
    loop, stop = ContractLoop(), threading.Event()

    async def work() -> None:
        asyncio.get_running_loop().run_in_executor(None, stop.wait)

    loop.run(work())
    (left,) = loop.close(0.05)
    stop.set()
    assert left.startswith("the thread asyncio_0 (")
    assert "threading.py" in left


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_task_that_does_not_end_is_named() -> None:
    """One that swallows its cancellation is left to itself."""
    loop = ContractLoop()
    tasks = []

    async def stubborn(end: asyncio.Event) -> None:
        while not end.is_set():
            try:
                await end.wait()
            except asyncio.CancelledError:
                continue

    async def work() -> None:
        tasks.append(asyncio.create_task(stubborn(asyncio.Event()), name="stubborn"))
        await asyncio.sleep(0)

    loop.run(work())
    (left,) = loop.close(0.05)
    assert left.startswith("the task stubborn of <coroutine object")
    tasks[0]._log_destroy_pending = False  # type: ignore[attr-defined]  # it is, by design


def test_a_process_ends_though_a_thread_of_its_loop_does_not() -> None:
    """Python waits for no thread of this pool when it exits."""
    program = (
        "import asyncio, threading\n"
        "from llmspell_testkit.loop import ContractLoop\n"
        "async def work():\n"
        "    asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)\n"
        "loop = ContractLoop(); loop.run(work()); print(len(loop.close(0.05)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (0, "1\n")


def test_an_alarm_that_was_swallowed_rings_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block that catches everything, or is in a finalizer when it rings, is interrupted all the same."""
    monkeypatch.setattr("llmspell_testkit.deadline.AGAIN_S", 0.05)
    rung = []

    def stubborn() -> None:
        while True:
            try:
                threading.Event().wait(20)
            except BaseException:
                rung.append(1)
                if len(rung) == 3:
                    raise

    with pytest.raises(DeadlineError), alarm(0.05):
        stubborn()


def test_an_alarm_that_rings_at_the_end_of_its_block_is_not_heard_outside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The timer is off, and what it had rung already is dropped, before the block is left."""
    real = signal.setitimer

    def late(which: int, seconds: float, interval: float = 0.0) -> tuple[float, float]:
        if not seconds:
            signal.raise_signal(signal.SIGALRM)
        return real(which, seconds, interval)

    monkeypatch.setattr(signal, "setitimer", late)
    with alarm(60.0):
        pass


def test_a_timer_that_was_there_before_rings_where_the_block_ends() -> None:
    """One of a test runner's that became due meanwhile is heard by the test, and by nobody else."""

    class RunnerError(Exception):
        pass

    def ring(number: int, frame: object) -> None:
        raise RunnerError

    before = signal.signal(signal.SIGALRM, ring)
    left_s, _ = signal.setitimer(signal.ITIMER_REAL, 0.01)
    try:
        with pytest.raises(RunnerError), alarm(60.0):
            threading.Event().wait(0.05)
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, left_s)
