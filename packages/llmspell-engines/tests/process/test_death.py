"""Who survives whom."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest
from process_helpers import FAKE, HERE, PROCESSES, Talk, children, descriptors, readable

from llmspell_engines.host import Pool, Worker, WorkerStartError
from llmspell_engines.host.process import Process
from llmspell_engines.protocol import LOG

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio
both = pytest.mark.parametrize("launcher", PROCESSES)

HOST = """
import asyncio, sys
sys.path.insert(0, {here!r})
from process_helpers import LAUNCHERS, Talk
from llmspell_engines.host import Pool
from llmspell_engines.protocol import LOG

async def main():
    pool = Pool(LAUNCHERS[{launcher!r}]({guest!r}), spares=1)
    pool.start()
    idle, busy = await pool.acquire(), await pool.acquire()
    talk = Talk(busy)
    talk.tell("spin")
    await talk.hear(LOG)
    zygote = getattr(pool._launcher, "zygote", None)
    print(idle.pid, busy.pid, *([zygote.pid] if zygote else []), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@both
async def test_no_worker_survives_its_host(launcher: str) -> None:
    """A SIGKILL of the host ends its zygote and its workers, a spinning one included."""
    code = HOST.format(here=str(HERE), launcher=launcher, guest=FAKE)
    path = os.pathsep.join(sys.path)
    host = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert host.stdout is not None
    async with asyncio.timeout(30):
        pids = [int(pid) for pid in (await host.stdout.readline()).split()]
    assert len(pids) == (3 if launcher == "fork" else 2)
    pidfds = [os.pidfd_open(pid) for pid in pids]
    host.kill()
    await host.communicate()
    await asyncio.gather(*(readable(pidfd) for pidfd in pidfds))


async def test_a_worker_survives_its_zygote(open_pool: Callable[..., Any]) -> None:
    """When the zygote is killed, a running worker goes on and the pool makes another zygote."""
    async with open_pool() as pool:
        talk = Talk(await pool.acquire())
        zygote = pool._launcher.zygote
        pidfd = os.pidfd_open(zygote.pid)
        zygote.kill()
        await readable(pidfd)
        another = Talk(await pool.acquire())
        assert pool._launcher.zygote.pid != zygote.pid
        assert "Name:" in await talk.ask("read /proc/self/status")
        assert "Name:" in await another.ask("read /proc/self/status")


async def test_a_zygote_that_vanishes_during_requests_is_replaced(
    open_pool: Callable[..., Any],
) -> None:
    """Requests that a dying zygote left unanswered are answered by the next one."""
    async with open_pool() as pool:
        await pool.acquire()
        zygote = pool._launcher.zygote
        os.kill(zygote.pid, signal.SIGSTOP)
        waiting = [asyncio.ensure_future(pool.acquire()) for _ in range(5)]
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(zygote._answers) == 5
        zygote.kill()
        workers = await asyncio.gather(*waiting)
        assert len({worker.pid for worker in workers}) == 5


async def test_a_worker_of_a_zygote_that_died_before_it_answered_is_known() -> None:
    """A zygote killed right after its fork leaves a worker that works, and that is reaped."""
    before, open_before = children(), descriptors()
    async with asyncio.timeout(50):
        async with Pool(PROCESSES["fork"]("vanishing_guest:FakeGuest"), spares=0) as pool:
            for _ in range(5):
                worker = await pool.acquire()
                assert "Name:" in await Talk(worker).ask("read /proc/self/status")
        assert (children(), descriptors()) == (before, open_before)


async def test_the_last_answer_is_read_although_requests_were_left() -> None:
    """A zygote that leaves requests unread resets its socket: the answer in it still counts."""
    before = children()
    async with asyncio.timeout(50):
        async with Pool(PROCESSES["fork"]("vanishing_guest:FakeGuest"), spares=0) as pool:
            # each of the three that a request is put to serves one of those that wait for it; the
            # last may find nothing that it could leave
            waiting = [asyncio.ensure_future(pool.acquire()) for _ in range(6)]
            workers = await asyncio.gather(*waiting, return_exceptions=True)
            assert sum(isinstance(worker, Worker) for worker in workers) > 1
        assert children() == before


async def test_a_zygote_that_cannot_be_asked_is_no_reason_to_wait(
    open_pool: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the kernel refuses to pass descriptors on, the caller is told so at once."""

    def refuse(*_: Any) -> None:
        raise OSError(errno.ETOOMANYREFS, "too many references")

    async with open_pool() as pool:
        await pool.acquire()
        monkeypatch.setattr(socket, "send_fds", refuse)
        with pytest.raises(WorkerStartError, match="could not be asked: too many references"):
            await pool.acquire()


@both
async def test_killing_delivers_what_was_said_before(open_pool: Callable[..., Any]) -> None:
    """What a spinning worker had logged arrives before its end, even while reading is paused."""
    async with open_pool() as pool:
        worker = await pool.acquire()
        talk = Talk(worker)
        worker.pause()
        talk.tell("spin")
        await readable(os.dup(worker._transport._sock.fileno()))
        assert not talk.said
        worker.kill("timeout", "too slow")
        ended = await worker.stop()
        assert (ended.reason, ended.signal) == ("timeout", signal.SIGKILL)
        assert str(ended) == "timeout: signal 9 (SIGKILL): too slow"
        assert talk.said == [(LOG, 0, b"spinning")]


@both
async def test_what_a_killed_worker_had_said_is_read_without_waiting(
    open_pool: Callable[..., Any],
) -> None:
    """All of it, even while reading is paused; then it is hung up on, and reaped in its own time."""
    async with open_pool() as pool:
        worker = await pool.acquire()
        talk = Talk(worker)
        worker.pause()
        talk.tell("spin")
        await readable(os.dup(worker._transport._sock.fileno()))
        worker.kill("timeout")
        worker.read_out()
        assert talk.said == [(LOG, 0, b"spinning")]
        assert worker._transport.closed
        assert (await worker.wait()).signal == signal.SIGKILL


@both
@pytest.mark.parametrize(
    ("order", "code", "number"),
    [
        ("exit 3", 3, None),
        (f"signal {signal.SIGSEGV.value}", None, signal.SIGSEGV),
        (f"signal {signal.SIGILL.value}", None, signal.SIGILL),
    ],
)
async def test_a_crash_is_told_apart(
    open_pool: Callable[..., Any], order: str, code: int | None, number: int | None
) -> None:
    """A worker that dies by itself is reported as crashed, with its code or signal."""
    async with open_pool() as pool:
        worker, other = await pool.acquire(), Talk(await pool.acquire())
        Talk(worker).tell(order)
        ended = await worker.wait()
        assert (ended.reason, ended.code, ended.signal) == ("crashed", code, number)
        assert not ended.out_of_memory
        assert ended.max_rss_bytes is not None
        assert "Name:" in await other.ask("read /proc/self/status")


@both
async def test_a_guests_own_mistake_leaves_a_traceback(open_pool: Callable[..., Any]) -> None:
    """An exception out of `put` ends the worker, and its traceback is in the report."""
    async with open_pool() as pool:
        worker = await pool.acquire()
        Talk(worker).tell("fail on purpose")
        ended = await worker.wait()
        assert (ended.reason, ended.code) == ("crashed", 70)
        assert "RuntimeError: on purpose" in ended.stderr


@both
async def test_malformed_frames_end_the_worker(open_pool: Callable[..., Any]) -> None:
    """A worker that breaks the framing is killed, and the report says how it broke it."""
    async with open_pool() as pool:
        worker = await pool.acquire()
        Talk(worker).tell("raw " + "ff" * 14)
        ended = await worker.wait()
        assert (ended.reason, ended.signal) == ("protocol", signal.SIGKILL)
        assert "unknown kind 255" in ended.message


async def test_a_spare_that_speaks_unasked_is_killed(open_pool: Callable[..., Any]) -> None:
    """Nothing may be said before the spell is started."""
    async with open_pool() as pool:
        worker = await pool.acquire()
        worker.send(2, 1, b"echo")
        assert (await worker.wait()).reason == "protocol"


@both
async def test_kill_is_idempotent_and_keeps_its_first_reason(
    open_pool: Callable[..., Any],
) -> None:
    """Killing twice, or a dead worker, is harmless; sending to it too."""
    async with open_pool() as pool:
        worker = await pool.acquire()
        worker.kill("first")
        worker.kill("second")
        ended = await worker.wait()
        worker.kill("third")
        worker.send(1, 0, b"hello")
        await worker.drain()
        assert (await worker.stop()).reason == ended.reason == "first"


async def test_the_portable_way_of_waiting_works() -> None:
    """Without pid file descriptors a thread waits, and the report is the same."""
    ended = asyncio.Event()
    pid = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    process = Process(pid, ended.set, pidfd=False)
    process.kill()
    async with asyncio.timeout(10):
        await ended.wait()
    assert (process.exit_signal, process.exit_code) == (signal.SIGKILL, None)
    process.kill()


async def test_a_child_reaped_by_others_still_ends(open_pool: Callable[..., Any]) -> None:
    """An application that calls waitpid(-1) does not leave a worker waiting for ever."""
    async with open_pool() as pool:
        worker = await pool.acquire()
        os.kill(worker.pid, signal.SIGKILL)
        assert os.waitpid(worker.pid, 0)[0] == worker.pid
        ended = await worker.wait()
        assert (ended.reason, ended.signal) == ("crashed", None)
