"""Control groups of v2 for real: in a group that was delegated to us, on a kernel that has them.

Run by `tox run -e machine`, in the machine that `boot.py` starts; as nobody.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "packages/llmspell-engines/tests/process"))
from process_helpers import FAKE, LAUNCHERS, PROCESSES, NoWatcher, Talk

from llmspell_core import LimitError, Limits, Runtime
from llmspell_engines.host import Pool
from llmspell_engines.host.cgroup import Cgroups

MIB = 1024 * 1024
SERVICE = Path("/sys/fs/cgroup/service")
GREEDY = {
    "lua": "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1e6) .. i end",
    "javascript": "const t = []; for (;;) t.push('x'.repeat(1e6) + t.length + Math.random());",
}
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio."""
    return "asyncio"


def groups() -> list[Path]:
    """List the groups of workers that there are now."""
    return sorted(SERVICE.glob("llmspell-*"))


def test_the_group_around_ours_is_found() -> None:
    """We live in a leaf of what was delegated, without any privilege."""
    assert os.geteuid() != 0
    found = Cgroups.find()
    assert found is not None
    assert found.folder == str(SERVICE)


@pytest.mark.parametrize("launcher", PROCESSES)
async def test_the_kernel_ends_a_worker_at_its_limit(launcher: str) -> None:
    """With nobody who looks, shared memory ends it there; the group tells why, and is removed."""
    options = {"spares": 0, "memory_bytes": 32 * MIB, "watcher": NoWatcher()}
    async with Pool(LAUNCHERS[launcher](FAKE), **options) as pool:
        worker = await pool.acquire()
        (own,) = groups()
        assert (own / "cgroup.procs").read_text().split() == [str(worker.pid)]
        Talk(worker).tell(f"share {512 * MIB}")
        ended = await worker.wait()
        assert (ended.signal, ended.limit) == (signal.SIGKILL, "memory")
        assert groups() == []


@pytest.mark.parametrize("language", ["lua", "javascript"])
async def test_spells_run_in_groups_and_leave_none(language: str) -> None:
    """A good one runs, a greedy one hits its own limit, and its host goes on."""
    async with Runtime() as runtime:
        assert (await runtime.run("return 1", language=language)).value == 1
        with pytest.raises(LimitError) as caught:
            await runtime.run(
                GREEDY[language], language=language, limits=Limits(memory_bytes=64 * MIB)
            )
        assert caught.value.limit == "memory"
        assert (await runtime.run("return 2", language=language)).value == 2
    assert groups() == []


async def test_the_next_host_takes_away_what_a_dead_one_left() -> None:
    """A host that was killed removes nothing; its number tells that it is gone."""
    gone, alive = 2**22 + 1, os.getpid()
    for host in (gone, alive):
        (SERVICE / f"llmspell-{host}-7").mkdir()
    Cgroups(str(SERVICE))
    assert [group.name for group in groups()] == [f"llmspell-{alive}-7"]
    groups()[0].rmdir()
