"""The lock as the kernel shows it, for every thread of every kind of worker."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from spells import GUESTS, SPIN, start

from llmspell_engines.host import Pool
from llmspell_engines.host.launch import ExecLauncher, ForkLauncher
from llmspell_engines.protocol import LOG, START

if TYPE_CHECKING:
    from llmspell_engines.host import Worker

LAUNCHERS = {"fork": ForkLauncher, "exec": ExecLauncher}
FILTER_MODE = 2

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("engine", GUESTS),
    pytest.mark.parametrize("launcher", LAUNCHERS),
]


def threads(worker: Worker) -> list[dict[str, str]]:
    """Read the status of each thread of a worker, as anybody may."""
    files = Path(f"/proc/{worker.pid}/task").glob("*/status")
    return [dict(line.split(":\t", 1) for line in file.read_text().splitlines()) for file in files]


def assert_locked(worker: Worker, engine: str) -> None:
    """See that each thread is filtered and cannot gain privileges, V8's own among them."""
    found = threads(worker)
    assert len(found) >= {"lua": 1, "javascript": 2}[engine]
    for status in found:
        assert int(status["Seccomp"]) == FILTER_MODE, status["Name"]
        assert int(status["Seccomp_filters"]) >= 1
        assert int(status["NoNewPrivs"]) == 1, status["Name"]


async def test_a_spare_is_locked_before_it_sees_a_script(launcher: str, engine: str) -> None:
    """`Seccomp: 2` and `NoNewPrivs: 1` stand for every thread of a worker that waits."""
    async with Pool(LAUNCHERS[launcher](GUESTS[engine]), spares=1) as pool:
        worker = await pool.acquire()
        assert (worker.level, worker.about["layers"]) == ("locked", "landlock+seccomp")
        assert_locked(worker, engine)


async def test_a_running_worker_is_locked(launcher: str, engine: str) -> None:
    """They stand for every thread while a script runs, and no thread came without them."""
    async with Pool(LAUNCHERS[launcher](GUESTS[engine]), spares=0) as pool:
        worker = await pool.acquire()
        on = asyncio.Event()
        worker.attach(lambda kind, _, __: on.set() if kind == LOG else None)
        before = len(threads(worker))
        worker.send(START, 0, start(SPIN[engine]))
        async with asyncio.timeout(20):
            await on.wait()
        assert_locked(worker, engine)
        assert len(threads(worker)) == before
