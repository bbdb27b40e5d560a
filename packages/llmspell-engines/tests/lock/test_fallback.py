"""Where the kernel or the platform lacks a layer: what is left, and that nobody is told otherwise."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from spells import GUESTS

from llmspell_core import Session
from llmspell_core.engine import EngineConfig
from llmspell_core.errors import UnsupportedError
from llmspell_core.isolation import IsolationWarning
from llmspell_engines.host.launch import ExecLauncher, ForkLauncher, make_launcher
from llmspell_engines.lua import LuaEngine
from llmspell_engines.protocol import LAYERS
from llmspell_engines.worker.lock import Lock

if TYPE_CHECKING:
    from llmspell_core.isolation import IsolationReport

pytestmark = pytest.mark.anyio

NO_LANDLOCK = "landlock is not to be had ({}): it needs Linux 5.13 or newer with Landlock enabled"
NO_SECCOMP = "seccomp is not to be had ({}): it needs Linux 3.17 or newer on aarch64 or x86_64"
LACKING = {
    "kernel_without_landlock:LuaGuest": (
        ("seccomp",),
        NO_LANDLOCK.format("Function not implemented"),
    ),
    "kernel_with_landlock_off:LuaGuest": (
        ("seccomp",),
        NO_LANDLOCK.format("Operation not supported"),
    ),
    "kernels:WithoutSeccomp": (("landlock",), NO_SECCOMP.format("Invalid argument")),
    "kernels:OnAnUnknownMachine": (
        ("landlock",),
        NO_SECCOMP.format("no filter for the machine riscv64"),
    ),
    "kernels:WithThreadsOutOfReach": (
        ("landlock",),
        NO_SECCOMP.format("thread 4711 could not be given the filter"),
    ),
    "kernel_without_landlock:WithoutSeccomp": (
        (),
        NO_LANDLOCK.format("Function not implemented")
        + "; "
        + NO_SECCOMP.format("Invalid argument"),
    ),
}
lacking = pytest.mark.parametrize("guest", LACKING)


def engine_with(guest: str) -> type[LuaEngine]:
    """Make a Lua engine whose workers live on another kernel."""
    return type("OddEngine", (LuaEngine,), {"guest": guest})


def filters(pid: int | str | None) -> list[str]:
    """Read how many filters a process has, and of which mode."""
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    return [line for line in lines if line.startswith("Seccomp")]


async def report_of(launcher: ForkLauncher | ExecLauncher) -> IsolationReport:
    """Ask one worker how it is kept apart."""
    try:
        worker = await launcher.launch(None)
        await worker.stop()
    finally:
        await launcher.close()
    return worker.isolation


@lacking
@pytest.mark.parametrize("kind", [ForkLauncher, ExecLauncher])
async def test_the_other_layer_stays_and_the_reason_is_said(
    kind: type[ForkLauncher | ExecLauncher], guest: str
) -> None:
    """Without one layer the level is `process`, the other is in force, and what is missing named."""
    layers, reason = LACKING[guest]
    report = await report_of(kind(guest))
    assert (report.level, report.layers, report.reason) == ("process", layers, reason)


@lacking
async def test_require_lock_refuses_and_says_why(guest: str) -> None:
    """Where the whole lock is demanded, nothing runs, and the refusal repeats the reason."""
    _, reason = LACKING[guest]
    config = EngineConfig(require_lock=True)
    async with await engine_with(guest).create(config) as engine:
        with pytest.raises(UnsupportedError, match="the kernel lock is required") as refused:
            await engine.run_script("return 1", {}, Session(name="spell"))
        assert refused.value.message.endswith(reason)
        assert refused.value.details["capability"] == "locked"


@lacking
async def test_scripts_run_with_what_there_is_and_a_warning(guest: str) -> None:
    """Where the lock is not demanded, the spell runs, and a warning names what is missing."""
    async with await engine_with(guest).create() as engine:
        with pytest.warns(IsolationWarning, match="without the whole kernel lock") as warned:
            assert await engine.run_script("return 1", {}, Session(name="spell")) == 1
        assert LACKING[guest][1] in str(warned[0].message)
        # once is enough
        assert await engine.run_script("return 2", {}, Session(name="spell")) == 2
        assert len(warned) == 1


@pytest.mark.parametrize("engine", GUESTS)
async def test_the_level_process_has_no_layer(engine: str) -> None:
    """A user who asks for `process` gets a worker that the kernel does not hold."""
    launcher = make_launcher(GUESTS[engine], "process")
    try:
        worker = await launcher.launch(None)
        # the host's own, if these tests run in a container; none otherwise
        assert filters(worker.pid) == filters("self")
        report = worker.isolation
        assert (report.level, report.layers) == ("process", ())
        assert report.reason == "the isolation level `process` was asked for"
        await worker.stop()
    finally:
        await launcher.close()


@pytest.mark.parametrize(
    ("platform", "name"), [("darwin", "macOS"), ("win32", "Windows"), ("freebsd14", "freebsd14")]
)
def test_other_platforms_say_so(monkeypatch: pytest.MonkeyPatch, platform: str, name: str) -> None:
    """Elsewhere nothing is tried, the level is `process`, and the platform is the reason."""
    monkeypatch.setattr(sys, "platform", platform)
    lock = Lock(LAYERS)
    lock.close_files()
    lock.close_calls()
    assert (lock.level, lock.layers) == ("process", "")
    assert lock.reason == f"there is no kernel lock for {name}"


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_platforms_start_each_worker_afresh(
    monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    """Forking for the host is Linux's alone: elsewhere each worker is a Python of its own."""
    monkeypatch.setattr(sys, "platform", platform)
    assert isinstance(make_launcher(GUESTS["lua"]), ExecLauncher)


async def test_a_worker_of_macos_runs_a_spell() -> None:
    """A worker that has none of Linux's means still runs a spell, and says what it lacks."""
    config = EngineConfig(one_shot=True)
    async with await engine_with("on_macos:LuaGuest").create(config) as engine:
        report = await engine.isolation()
        assert (report.level, report.layers) == ("process", ())
        assert report.reason == "there is no kernel lock for macOS"
        with pytest.warns(IsolationWarning, match="macOS"):
            assert await engine.run_script("return 1", {}, Session(name="spell")) == 1
