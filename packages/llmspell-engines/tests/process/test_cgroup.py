"""Control groups: what is read and written, on folders that look like delegated ones."""

from __future__ import annotations

import os
import shutil
import signal
from typing import TYPE_CHECKING, Any

import pytest
from process_helpers import NoWatcher, Talk

from llmspell_engines.host import cgroup as cgroup_module
from llmspell_engines.host.cgroup import Cgroups
from llmspell_engines.host.memory import HEADROOM_BYTES
from llmspell_engines.protocol import LOG

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MIB = 1024 * 1024
pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _groups_can_be_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove a group as the kernel does: its files are not in the way."""
    monkeypatch.setattr(cgroup_module, "_remove", shutil.rmtree)


def group(folder: Path, controllers: str = "cpu memory pids") -> Path:
    """Make a folder that looks like a group which shares out its controllers."""
    folder.mkdir(parents=True)
    (folder / "cgroup.subtree_control").write_text(controllers)
    (folder / "cgroup.procs").write_text("")
    return folder


def find(tmp_path: Path, lines: str, *mounts: Path) -> Cgroups | None:
    """Look for a group with these lines in ``/proc/self/cgroup``."""
    own = tmp_path / "own"
    own.write_text(lines)
    return Cgroups.find(str(own), tuple(str(mount) for mount in mounts))


async def test_a_worker_gets_a_group_of_its_own(
    open_pool: Callable[..., Any], tmp_path: Path
) -> None:
    """It has the limit and the room around it, no swap, dies as a whole, and is removed at the end."""
    delegated = group(tmp_path / "delegated")
    pool_options = {"memory_bytes": 64 * MIB, "cgroups": Cgroups(str(delegated))}
    async with open_pool(**pool_options) as pool:
        worker = await pool.acquire()
        (own,) = delegated.glob("llmspell-*")
        assert own.name == f"llmspell-{os.getpid()}-{worker.pid}"
        written = {file.name: file.read_text() for file in own.iterdir()}
        assert written == {
            "memory.max": str(64 * MIB + HEADROOM_BYTES),
            "memory.oom.group": "1",
            "memory.swap.max": "0",
            "cgroup.procs": str(worker.pid),
        }
        await worker.stop()
        assert not list(delegated.glob("llmspell-*"))


@pytest.mark.parametrize(
    ("events", "limit"),
    [("low 0\nmax 12\noom 1\noom_kill 1\n", "memory"), ("oom 0\noom_kill 0\n", None)],
)
async def test_a_worker_that_the_kernel_ended_for_its_memory_hit_the_limit(
    open_pool: Callable[..., Any], tmp_path: Path, events: str, limit: str | None
) -> None:
    """Its group tells; a SIGKILL from elsewhere is no limit."""
    delegated = group(tmp_path / "delegated")
    pool_options = {"memory_bytes": 64 * MIB, "cgroups": Cgroups(str(delegated))}
    async with open_pool(watcher=NoWatcher(), **pool_options) as pool:
        worker = await pool.acquire()
        talk = Talk(worker)
        talk.tell("spin")
        await talk.hear(LOG)
        (own,) = delegated.glob("llmspell-*")
        (own / "memory.events").write_text(events)
        os.kill(worker.pid, signal.SIGKILL)
        ended = await worker.wait()
        assert (ended.signal, ended.limit) == (signal.SIGKILL, limit)


def test_our_own_group_is_found_where_it_shares_out_memory(tmp_path: Path) -> None:
    """Under the mount of v2, in the line of the hierarchy 0."""
    own = group(tmp_path / "v2" / "user" / "me")
    found = find(tmp_path, "9:memory:/other\n0::/user/me\n", tmp_path / "none", tmp_path / "v2")
    assert found is not None
    assert found.folder == str(own)


@pytest.mark.parametrize(
    ("controllers", "lines"),
    [("cpu pids", "0::/user/me\n"), ("memory", "4:memory:/user/me\n"), ("memory", "0::/user\n")],
)
def test_nothing_is_found_where_nothing_was_delegated(
    tmp_path: Path, controllers: str, lines: str
) -> None:
    """No memory to share out, only a hierarchy of v1, another group: no group, and no word."""
    group(tmp_path / "v2" / "user" / "me", controllers)
    assert find(tmp_path, lines, tmp_path / "v2") is None


@pytest.mark.parametrize(("mark", "expected"), [(b"1", ["service"]), (b"0", []), (None, [])])
def test_the_group_around_ours_is_used_where_it_is_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: bytes | None, expected: list[str]
) -> None:
    """A service lives in a leaf of what systemd delegated to it; all else around it is not its own."""

    def getxattr(path: str, name: str) -> bytes:
        if mark is None or (path, name) != (str(service), "user.delegate"):
            raise OSError
        return mark

    service = group(tmp_path / "v2" / "service")
    group(service / "leaf", "")
    monkeypatch.setattr(cgroup_module.os, "getxattr", getxattr)
    found = find(tmp_path, "0::/service/leaf\n", tmp_path / "v2")
    names = [os.path.basename(found.folder)] if found else []
    assert names == expected


def test_a_group_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    """The other limits hold alone then."""
    delegated = Cgroups(str(group(tmp_path / "delegated")))
    blocked = tmp_path / "delegated" / f"llmspell-{os.getpid()}-42"
    blocked.mkdir()
    assert delegated.hold(42, MIB) is None
    blocked.rmdir()
    assert delegated.hold(42, MIB) is not None


def test_a_group_that_cannot_be_written_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel may refuse the move; then no empty group stays behind."""

    def refuse(path: str, value: int) -> None:
        if path.endswith("cgroup.procs"):
            raise PermissionError(path, value)

    delegated = Cgroups(str(group(tmp_path / "delegated")))
    monkeypatch.setattr(cgroup_module, "_write", refuse)
    assert delegated.hold(42, MIB) is None
    assert not list((tmp_path / "delegated").glob("llmspell-*"))


def test_what_a_host_that_is_gone_left_is_taken_away(tmp_path: Path) -> None:
    """A SIGKILLed host removes nothing; those of hosts that live stay."""
    delegated = group(tmp_path / "delegated")
    ours, gone = delegated / f"llmspell-{os.getpid()}-1", delegated / "llmspell-99999999-1"
    other = delegated / "somebody-else"
    for folder in (ours, gone, other):
        folder.mkdir()
    Cgroups(str(delegated))
    assert (ours.exists(), gone.exists(), other.exists()) == (True, False, True)
