"""The wall clock of a run: what counts, and what does not."""

from __future__ import annotations

from typing import Any

from llmspell_engines.host.wall_clock import WallClock


class Loop:
    """An event loop's clock, set by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.timers: list[Timer] = []

    def time(self) -> float:
        return self.now_s

    def call_later(self, after_s: float, call: Any) -> Timer:
        self.timers.append(Timer(self.now_s + after_s, call))
        return self.timers[-1]

    def pass_s(self, seconds: float) -> None:
        self.now_s += seconds
        for timer in self.timers:
            if timer.call is not None and timer.when() <= self.now_s:
                timer.call()
                timer.cancel()


class Timer:
    """One call later."""

    def __init__(self, when_s: float, call: Any) -> None:
        self.when_s = when_s
        self.call = call

    def when(self) -> float:
        return self.when_s

    def cancel(self) -> None:
        self.call = None


def clock(timeout_s: float | None) -> tuple[Loop, WallClock, list[float]]:
    """Make a clock, and the list of the times at which it ended a run."""
    loop, ended = Loop(), list[float]()
    made = made_clock(loop, timeout_s, lambda: ended.append(loop.now_s), lambda _: None)
    return loop, made, ended


def made_clock(loop: Loop, timeout_s: float | None, on_end: Any, on_left: Any) -> WallClock:
    """Make a clock on a loop that is set by hand."""
    return WallClock(loop, timeout_s, on_end, on_left)  # type: ignore[arg-type]  # as much of a loop as it needs


def test_it_ends_the_run_in_time() -> None:
    """Once, after the limit."""
    loop, _, ended = clock(3.0)
    loop.pass_s(2.9)
    assert ended == []
    loop.pass_s(0.1)
    loop.pass_s(10)
    assert ended == [103.0]


def test_it_stands_still_while_it_is_held() -> None:
    """What was left before is left after, however often."""
    loop, made, ended = clock(3.0)
    for _ in range(2):
        loop.pass_s(1.0)
        made.hold(True)  # noqa: FBT003 - as the session does
        loop.pass_s(1000.0)
        made.hold(False)  # noqa: FBT003 - as the session does
    loop.pass_s(0.9)
    assert ended == []
    loop.pass_s(0.1)
    assert len(ended) == 1


def test_an_ended_clock_calls_nothing() -> None:
    """The run is over already."""
    loop, made, ended = clock(3.0)
    made.end()
    loop.pass_s(10.0)
    assert ended == []


def test_an_unlimited_clock_calls_nothing() -> None:
    """Held or not."""
    loop, made, _ = clock(None)
    made.hold(True)  # noqa: FBT003 - as the session does
    made.hold(False)  # noqa: FBT003 - as the session does
    assert loop.timers == []


def test_who_holds_the_worker_knows_what_is_left() -> None:
    """From the start, nothing while it is held, then what is left, and nothing after the end."""
    loop, left = Loop(), list[float | None]()
    made = made_clock(loop, 3.0, lambda: None, left.append)
    loop.pass_s(1.0)
    made.hold(True)  # noqa: FBT003 - as the session does
    loop.pass_s(1000.0)
    made.hold(False)  # noqa: FBT003 - as the session does
    made.end()
    assert left == [3.0, None, 2.0, None]
