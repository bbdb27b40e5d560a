"""The attack program in locked workers: nothing works, with either engine; what each layer holds."""

from __future__ import annotations

import errno
import platform
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from arena import ENGINES, Outcome
from layers import EARNEST, HELD_BY_LOCK, ROWS

from llmspell_engines.protocol import LAYERS
from llmspell_engines.worker.lock import landlock
from llmspell_testkit.hostile.attack import ATTEMPTS

if TYPE_CHECKING:
    from arena import Arena

ANSWERS = {
    "EPERM": Outcome("blocked", errno.EPERM),
    "SIGSYS": Outcome("died", signal.SIGSYS),
}
REFUSALS = {Outcome("blocked", errno.EACCES), Outcome("blocked", errno.EPERM)}
"""How Landlock says no; any other error would be luck."""

HOST_FILTERED = "Seccomp:\t0" not in Path("/proc/self/status").read_text("ascii")
"""Whether these tests run in a container whose own filter refuses what a worker could try."""

all_attempts = pytest.mark.parametrize("name", HELD_BY_LOCK)
earnest = pytest.mark.parametrize("name", EARNEST)


def absent(name: str, outcome: Outcome) -> bool:
    """Say whether this machine's kernel lacks what an attempt needs."""
    if HOST_FILTERED and outcome in (ANSWERS["EPERM"], Outcome("blocked", errno.ENOSYS)):
        return True
    number = outcome.number or 0
    return (-number if outcome.kind == "died" else number) in ATTEMPTS[name].absent


@earnest
def test_it_works_without_a_lock(arena: Arena, name: str) -> None:
    """An attempt that would fail anyway proves nothing: this one works in an unlocked worker."""
    outcome = arena.control(name)
    assert outcome == Outcome("open") or absent(name, outcome)


@all_attempts
def test_the_lock_blocks_it(arena: Arena, name: str) -> None:
    """With both layers the attempt fails, in the way that the filter says, and leaves no trace."""
    assert arena.outcome(name, LAYERS) == ANSWERS[ROWS[name].seccomp]
    assert arena.stage.untouched()


@all_attempts
@pytest.mark.parametrize("engine", ENGINES)
def test_it_fails_from_within_an_engine(arena: Arena, engine: str, name: str) -> None:
    """On the thread that runs the script, in a worker with a real engine, the attempt fails."""
    assert arena.outcome(name, LAYERS, ENGINES[engine]) == ANSWERS[ROWS[name].seccomp]


@pytest.mark.parametrize("engine", ENGINES)
def test_landlock_binds_the_thread_that_runs_the_script(arena: Arena, engine: str) -> None:
    """The engine's own thread is under Landlock too: it was started after the lock."""
    assert arena.outcome("open_read", ("landlock",), ENGINES[engine]) in REFUSALS


@all_attempts
def test_seccomp_alone_blocks_it(arena: Arena, name: str) -> None:
    """Where there is no Landlock, the filter still blocks the attempt."""
    assert arena.outcome(name, ("seccomp",)) == ANSWERS[ROWS[name].seccomp]


@earnest
def test_landlock_alone_does_what_the_table_says(arena: Arena, name: str) -> None:
    """Where there is no filter, Landlock blocks what the table says, and nothing else."""
    since = ROWS[name].landlock
    outcome = arena.outcome(name, ("landlock",))
    if since == "varies":
        assert outcome == Outcome("open") or outcome in REFUSALS
    elif isinstance(since, int) and 1 <= since <= landlock.abi():
        assert outcome in REFUSALS
    else:
        assert outcome == arena.control(name)


def test_every_attempt_has_its_line() -> None:
    """The table and the attack program name the same attempts, and there are many."""
    # some exist on x86-64 only
    assert set(HELD_BY_LOCK) <= set(ROWS)
    assert set(HELD_BY_LOCK) == set(ROWS) or platform.machine() != "x86_64"
    assert {name for name in HELD_BY_LOCK if ROWS[name].landlock is None} == {
        name for name in HELD_BY_LOCK if ATTEMPTS[name].futile
    }
    assert len(EARNEST) >= 200
