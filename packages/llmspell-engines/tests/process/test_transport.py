"""Back-pressure in both directions, and fairness."""

from __future__ import annotations

import array
import asyncio
import fcntl
import os
import socket
import termios
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from process_helpers import PROCESSES, Talk

from llmspell_engines.host.transport import HIGH_WATER_BYTES, Transport
from llmspell_engines.protocol import CALL, DONE, HOST_KINDS, LOG, RESULT, FrameReader, frames

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_engines.host import Worker

pytestmark = pytest.mark.anyio
both = pytest.mark.parametrize("launcher", PROCESSES)


@both
async def test_drain_waits_for_a_slow_worker(open_pool: Callable[..., Any]) -> None:
    """Sending to a worker that does not read fills a buffer, and `drain` waits for room."""
    async with open_pool() as pool:
        worker = await pool.acquire()
        talk = Talk(worker)
        await worker.drain()
        worker.pause()
        # the worker echoes, and waits once nobody reads its echoes
        for number in range(1, 9):
            worker.send(RESULT, number, bytes(HIGH_WATER_BYTES))
        draining = asyncio.ensure_future(worker.drain())
        for _ in range(1000):
            await asyncio.sleep(0)
        assert not draining.done()
        worker.resume()
        async with asyncio.timeout(20):
            await draining
            while len(talk.heard(CALL)) < 8:
                await talk.news()
        assert [id for _, id, _ in talk.said] == list(range(1, 9))


async def test_drain_ends_with_the_worker(open_pool: Callable[..., Any]) -> None:
    """Nobody waits for a dead worker to read."""
    async with open_pool() as pool:
        worker = await pool.acquire()
        worker.pause()
        for number in range(1, 9):
            worker.send(RESULT, number, bytes(HIGH_WATER_BYTES))
        draining = asyncio.ensure_future(worker.drain())
        await asyncio.sleep(0)
        worker.kill()
        await worker.stop()
        async with asyncio.timeout(10):
            await draining


@both
async def test_a_worker_waits_for_a_slow_host(open_pool: Callable[..., Any]) -> None:
    """A worker that writes to a host that does not read stops; neither of them grows."""
    async with open_pool() as pool:
        worker = await pool.acquire()
        talk = Talk(worker)
        worker.pause()
        talk.tell("write 64")
        async with asyncio.timeout(20):
            while not (queued(worker) and asleep(worker.pid)):  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0)
        # it marks each megabyte that was taken: here not one whole
        with pytest.raises(BlockingIOError):
            os.read(worker._errors, 100)
        assert worker._transport._reader.pending_bytes == 0
        assert not talk.said
        worker.resume()
        assert await talk.hear(DONE) == b"written"
        assert sum(len(payload) for payload in talk.heard(LOG)) == 64 << 20


def queued(worker: Worker) -> int:
    """Count the bytes that a worker has written and nobody has read."""
    count = array.array("i", [0])
    fcntl.ioctl(worker._transport._sock, termios.FIONREAD, count)
    return count[0]


def asleep(pid: int) -> bool:
    """Say whether a process waits in the kernel."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[0] == "S"


async def test_a_flood_does_not_starve_the_loop(open_pool: Callable[..., Any]) -> None:
    """While one worker floods the host with tiny frames, another gets its answers."""
    async with open_pool() as pool:
        flooding, other = Talk(await pool.acquire()), await pool.acquire()
        answers: asyncio.Queue[bytes] = asyncio.Queue()
        other.attach(lambda kind, id, payload: answers.put_nowait(payload))
        flooding.tell("flood 30000")
        await flooding.hear(LOG)
        rounds = 0
        while flooding.said[-1][0] == LOG and rounds < 20:
            other.send(RESULT, 1, b"ping")
            assert await answers.get() == b"ping"
            rounds += 1
        assert rounds == 20
        assert await flooding.hear(DONE) == b"flooded"
        assert len(flooding.said) == 30_001


async def test_pausing_takes_effect_at_once(open_pool: Callable[..., Any]) -> None:
    """A callback that pauses is not called again before it resumes, whatever has arrived."""
    async with open_pool() as pool:
        worker = await pool.acquire()
        seen: list[int] = []

        def on_message(kind: int, _: int, __: bytes) -> None:
            seen.append(kind)
            worker.pause()

        worker.attach(on_message)
        worker.send(1, 0, b"flood 10")
        async with asyncio.timeout(20):
            while len(seen) < 11:
                before = len(seen)
                for _ in range(5):
                    await asyncio.sleep(0)
                assert len(seen) <= before + 1
                worker.resume()
        assert seen == [LOG] * 10 + [DONE]


async def test_one_turn_delivers_a_few_messages_only() -> None:
    """However many messages one read brought, others have their turns between every sixteen."""
    ours, theirs = socket.socketpair()
    delivered = 0

    def on_message(*_: Any) -> None:
        nonlocal delivered
        delivered += 1

    transport = Transport(ours, on_message, lambda _: None)
    theirs.send(b"".join(frame for _ in range(1000) for frame in frames(LOG, 0, b"")))
    async with asyncio.timeout(10):
        while delivered < 1000:
            before = delivered
            await asyncio.sleep(0)
            assert delivered - before <= 16
    transport.close()
    theirs.close()


async def test_small_frames_that_wait_take_their_bytes() -> None:
    """A million unread answers of a few bytes are held as their bytes, not as an object each."""
    ours, theirs = socket.socketpair()
    transport = Transport(ours, lambda *_: None, lambda _: None)
    transport.send(RESULT, 1, bytes(HIGH_WATER_BYTES))
    tracemalloc.start()
    try:
        for number in range(20_000):
            transport.send(RESULT, number, b"\xc0")
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert transport.unsent_bytes > 20_000 * 15
    assert held < 20_000 * 15 * 1.5
    transport.close()
    theirs.close()


async def received(theirs: socket.socket, count: int) -> list[tuple[int, int]]:
    """Read `count` frames; return the number and the size of each."""
    reader = FrameReader(HOST_KINDS, clock=True)
    got: list[tuple[int, int]] = []
    async with asyncio.timeout(20):
        while len(got) < count:
            reader.feed(await asyncio.get_running_loop().sock_recv(theirs, 100_000))
            got += [(id, len(payload)) for _, id, payload, _ in iter(reader.take, None)]
    return got


async def test_joined_frames_arrive_as_they_were_sent() -> None:
    """Frames that had to wait, large and small, come out whole and in order."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)  # noqa: FBT003 - its only parameter
    transport = Transport(ours, lambda *_: None, lambda _: None)
    sizes = [HIGH_WATER_BYTES, 1, 70_000, 2, 3, 500_000, 1, 0, 65_000, 600, 9] * 3
    for number, size in enumerate(sizes):
        transport.send(RESULT, number, bytes(size))
    assert await received(theirs, len(sizes)) == list(enumerate(sizes))
    assert transport.unsent_bytes == 0
    transport.close()
    theirs.close()


async def test_answers_of_one_turn_leave_together() -> None:
    """Messages that may gather leave in the next turn as one write, in the order they were sent."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.setblocking(False)  # noqa: FBT003 - its only parameter
    transport = Transport(ours, lambda *_: None, lambda _: None)
    for number in range(3):
        transport.send(RESULT, number, b"\xc0", gather=True)
    transport.send(RESULT, 3, b"\xc0")
    with pytest.raises(BlockingIOError):
        theirs.recv(1000)
    await asyncio.sleep(0)
    reader = FrameReader(HOST_KINDS, clock=True)
    reader.feed(theirs.recv(1000))
    assert [id for _, id, _, _ in iter(reader.take, None)] == [0, 1, 2, 3]
    assert transport.unsent_bytes == 0
    transport.send(RESULT, 4, b"\xc0", gather=True)
    transport.close()
    await asyncio.sleep(0)
    assert theirs.recv(1000) == b""
    theirs.close()


async def test_gathered_answers_wait_for_room() -> None:
    """What the socket does not take of them follows when the worker has read."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)  # noqa: FBT003 - its only parameter
    transport = Transport(ours, lambda *_: None, lambda _: None)
    for number in range(3):
        transport.send(RESULT, number, bytes(HIGH_WATER_BYTES), gather=True)
    sizes = [HIGH_WATER_BYTES] * 3
    assert await received(theirs, len(sizes)) == list(enumerate(sizes))
    transport.close()
    theirs.close()


class Endless:
    """A socket whose other end never stops writing."""

    def __init__(self, sock: socket.socket, data: bytes) -> None:
        self._sock = sock
        self._data = data

    def recv(self, _: int) -> bytes:
        return self._data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


async def test_the_last_words_of_a_dead_worker_have_a_bound() -> None:
    """Who has a dead worker's socket open, and writes without end, is hung up on."""
    ours, theirs = socket.socketpair()
    closed = asyncio.Event()
    words = b"".join(frame for _ in range(100) for frame in frames(LOG, 0, bytes(500)))
    endless: Any = Endless(ours, words)
    transport = Transport(endless, lambda *_: None, lambda _: closed.set())
    transport.expect_end()
    async with asyncio.timeout(20):
        await closed.wait()
    theirs.close()
