"""Both sides of a chatty worker's socket wait awake, for a moment and no longer."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from process_helpers import PROCESSES, Clock, Talk

from llmspell_engines.host import awake, transport
from llmspell_engines.host.awake import Awake
from llmspell_engines.protocol import CALL, INVOKE, RESULT, frames
from llmspell_engines.quick import QUICK_S
from llmspell_engines.worker import pump
from llmspell_engines.worker.pump import Pump

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def several(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are processors for both sides, whatever this machine has."""
    monkeypatch.setattr(awake, "several_processors", lambda: True)


@pytest.mark.anyio
@pytest.mark.usefixtures("several")
async def test_a_loop_turns_until_the_moment_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """It turns while a word is expected, each new one makes it longer, and then it sleeps again."""
    clock = Clock()
    monkeypatch.setattr(awake, "time", clock)
    expecting = Awake()
    expecting.stay()
    seen = []
    for passed in (0.0, 0.6, 0.6, 0.6):
        clock.now_s += passed * QUICK_S
        await asyncio.sleep(0)
        seen.append(expecting.turning)
        if len(seen) == 2:
            expecting.stay()
    assert seen == [True, True, True, False]


@pytest.mark.anyio
async def test_a_single_processor_is_left_to_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where both sides share one processor, a host that waits awake would keep the worker waiting."""
    monkeypatch.setattr(awake, "several_processors", lambda: False)
    expecting = Awake()
    expecting.stay()
    assert not expecting.turning


@pytest.mark.anyio
@pytest.mark.usefixtures("several")
@pytest.mark.parametrize("launcher", PROCESSES)
async def test_only_a_worker_that_spoke_soon_keeps_the_loop_awake(
    open_pool: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an answer that took its time, the next one is waited for asleep."""
    clock = Clock()
    monkeypatch.setattr(transport, "perf_counter", clock.perf_counter)
    expecting = Awake()
    monkeypatch.setattr(Awake, "of", lambda _: expecting)
    stays: list[float] = []
    monkeypatch.setattr(expecting, "stay", lambda: stays.append(clock.now_s))
    found = []
    async with open_pool() as pool:
        worker = await pool.acquire()
        talk = Talk(worker)
        # the clock stands still until the third answer is under way
        for number, passes in enumerate((0.0, 0.0, 2 * QUICK_S, 0.0)):
            before = len(stays)
            worker.send(RESULT, number, b"\xc0")
            found.append(len(stays) > before)
            clock.now_s += passes
            async with asyncio.timeout(20):
                while len(talk.heard(CALL)) <= number:
                    await talk.news()
    assert found == [False, True, True, False]


class Host:
    """The other end of a pump: a guest that answers each word with the next, and then hangs up."""

    engine, version = "host", "Host 1"

    def __init__(self, sock: socket.socket, words: int) -> None:
        self.sock = sock
        self.words = words
        self.heard: list[int] = []
        self.say(1)

    def say(self, number: int) -> None:
        self.sock.sendall(b"".join(frames(INVOKE, number, b"\xc0")))

    def put(self, kind: int, id: int, payload: bytes, clock_ms: int) -> None:
        self.heard.append(id)
        if id < self.words:
            self.say(id + 1)
        else:
            self.sock.close()

    def close(self) -> None:
        """Nothing is held."""


class Blind:
    """A pump's socket that says nothing is there for its first looks."""

    def __init__(self, real: Any, misses: int) -> None:
        self.real = real
        self.misses = misses

    def recv(self, size: int, flags: int) -> bytes:
        self.misses -= 1
        if self.misses >= 0:
            raise BlockingIOError
        return bytes(self.real.recv(size, flags))


@pytest.mark.parametrize(
    ("misses", "sleeps"),
    [(0, [1]), (3, [1]), (100, [1, 2, 3])],
    ids=["there", "soon", "late"],
)
def test_a_worker_sleeps_when_the_last_answer_was_late(
    monkeypatch: pytest.MonkeyPatch, misses: int, sleeps: list[int]
) -> None:
    """The first word is waited for asleep; what came soon once is looked for, for a moment."""
    ours, theirs = socket.socketpair()
    host = Host(ours, words=2)
    slept: list[int] = []
    read = os.read

    def asleep(fd: int, size: int) -> bytes:
        slept.append(len(host.heard) + 1)
        return read(fd, size)

    monkeypatch.setattr(pump, "perf_counter", Clock(step_s=QUICK_S / 20).perf_counter)
    monkeypatch.setattr(os, "read", asleep)
    worker = Pump(theirs.detach(), awake=True)
    assert worker._socket is not None
    with closing(worker._socket) as real:
        worker._socket = Blind(real, misses)  # type: ignore[assignment]
        worker.run(host)
    assert host.heard == [1, 2]
    assert slept == sleeps


def test_a_thread_beside_its_host_sleeps_at_once() -> None:
    """At the level `inproc` both sides share Python's lock: who looks around keeps the other out."""
    ours, theirs = socket.socketpair()
    host = Host(ours, words=2)
    with theirs:
        worker = Pump(theirs.fileno())
        assert worker._socket is None
        worker.run(host)
    assert host.heard == [1, 2]
