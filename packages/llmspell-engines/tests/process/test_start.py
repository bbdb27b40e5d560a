"""What a worker is given, and what it is not."""

from __future__ import annotations

import ast
import os
from typing import TYPE_CHECKING, Any

import pytest
from process_helpers import LAUNCHERS, PROCESSES, Talk, children

from llmspell_engines.host import WorkerStartError, launch
from llmspell_engines.host import worker as worker_module

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio
both = pytest.mark.parametrize("launcher", PROCESSES)
every = pytest.mark.parametrize("launcher", LAUNCHERS)


@every
async def test_a_worker_is_ready_and_answers(open_pool: Callable[..., Any], launcher: str) -> None:
    """At every level a worker reports itself and answers, 3 MB in both directions included."""
    async with open_pool() as pool:
        worker = await pool.acquire()
        assert worker.about["engine"] == "fake"
        assert worker.level == ("inproc" if launcher == "thread" else "process")
        assert worker.about["reason"] or worker.level == "inproc"
        talk = Talk(worker)
        worker.send(2, 5, b"x" * 3_000_000, 17)
        assert await talk.hear(65) == b"x" * 3_000_000


@both
async def test_no_descriptor_is_inherited(open_pool: Callable[..., Any]) -> None:
    """A worker has /dev/null, a pipe and its socket, whatever the host holds open."""
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)  # noqa: FBT003 - its only parameter
    try:
        async with open_pool() as pool:
            await pool.acquire()
            talk = Talk(await pool.acquire())
            assert ast.literal_eval(await talk.ask("fds")) == {
                0: "null",
                1: "null",
                2: "pipe",
                3: "socket",
            }
    finally:
        os.close(reading)
        os.close(writing)


@both
async def test_no_environment_is_inherited(
    open_pool: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the worker nor the zygote ever saw a variable of the host."""
    monkeypatch.setenv("SOME_API_KEY", "sk-secret")
    async with open_pool() as pool:
        talk = Talk(await pool.acquire())
        now, at_first = ast.literal_eval(await talk.ask("environ"))
        assert now == {"TZ": "UTC"}
        assert at_first == b""


@both
async def test_a_worker_is_hardened(open_pool: Callable[..., Any]) -> None:
    """It cannot gain privileges, dump core, or share the terminal's session."""
    async with open_pool() as pool:
        worker = await pool.acquire()
        talk = Talk(worker)
        status = dict(
            line.split(":", 1) for line in (await talk.ask("read /proc/self/status")).splitlines()
        )
        assert status["NoNewPrivs"].strip() == "1"
        assert status["THP_enabled"].strip() == "0"
        talk.said.clear()
        limits = await talk.ask("read /proc/self/limits")
        core = next(line for line in limits.splitlines() if "core file" in line)
        assert core.split()[-3:-1] == ["0", "0"]
        talk.said.clear()
        pid, parent, session, threads, dumpable = ast.literal_eval(await talk.ask("ids"))
        assert (pid, parent, threads, dumpable) == (worker.pid, os.getpid(), 1, 0)
        assert session != os.getsid(0)


@both
async def test_relative_import_paths_are_not_taken(
    open_pool: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is imported from wherever the host happens to stand."""
    monkeypatch.syspath_prepend("")
    monkeypatch.syspath_prepend("somewhere")
    async with open_pool() as pool:
        paths = ast.literal_eval(await Talk(await pool.acquire()).ask("paths"))
        assert all(os.path.isabs(path) for path in paths)


@both
async def test_a_worker_imports_little(open_pool: Callable[..., Any]) -> None:
    """What is slow to import is not on the way to READY: half of a cold start could be that."""
    async with open_pool() as pool:
        modules = set(ast.literal_eval(await Talk(await pool.acquire()).ask("modules")))
        slow = {"asyncio", "typing", "re", "enum", "socket", "threading", "msgspec", "inspect"}
        assert not modules & (slow | {"collections", "contextlib", "llmspell_core"})


@every
async def test_an_engine_that_fails_says_why(open_pool: Callable[..., Any]) -> None:
    """The reason for which an engine cannot be made reaches the caller, each time."""
    async with open_pool("fake_guest:BrokenGuest") as pool:
        for _ in range(2):
            with pytest.raises(WorkerStartError, match="RuntimeError: no engine here"):
                await pool.acquire()


@every
async def test_an_engine_that_is_absent_says_so(open_pool: Callable[..., Any]) -> None:
    """A guest that cannot be imported is named, each time, and retrying does not hang."""
    async with open_pool("no_such_engine:Guest") as pool:
        for _ in range(2):
            with pytest.raises(WorkerStartError, match="No module named 'no_such_engine'"):
                await pool.acquire()


async def test_a_zygote_that_hangs_is_given_up(
    open_pool: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A preload that never returns is an error after a while, and the zygote is killed."""
    monkeypatch.setattr(launch, "START_TIMEOUT_S", 0.2)
    async with open_pool("hanging_guest:FakeGuest") as pool:
        with pytest.raises(
            WorkerStartError, match="the zygote of hanging_guest:FakeGuest did not answer"
        ):
            await pool.acquire()


@both
async def test_half_a_ready_is_given_up(
    open_pool: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that begins to say READY and goes silent is an error after a while, and killed."""
    monkeypatch.setattr(worker_module, "START_TIMEOUT_S", 0.3)
    before = children()
    async with open_pool("silent_guest:HalfReadyGuest") as pool:
        with pytest.raises(WorkerStartError, match=r"a worker was not ready after 0\.3 s"):
            await pool.acquire()
    assert children() == before


@pytest.mark.parametrize(
    ("guest", "message"),
    [
        ("NamelessGuest", "a start report without a level"),
        ("BoastfulGuest", "larger than 65,536 bytes"),
    ],
)
async def test_a_start_report_is_judged(
    open_pool: Callable[..., Any], guest: str, message: str
) -> None:
    """What a worker says of itself is hostile input too."""
    async with open_pool(f"silent_guest:{guest}") as pool:
        with pytest.raises(WorkerStartError, match=message):
            await pool.acquire()


async def test_a_zygote_with_threads_refuses_to_fork(open_pool: Callable[..., Any]) -> None:
    """A preload that leaves a thread is an error, never a worker that hangs."""
    async with open_pool("threaded_guest:FakeGuest") as pool:
        with pytest.raises(WorkerStartError, match="2 threads"):
            await pool.acquire()
