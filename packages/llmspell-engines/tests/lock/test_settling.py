"""What a worker never had: the host's descriptors, its environment, memory and life without end."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from layers import HELD_WITHOUT

from llmspell_testkit.hostile.attack import ATTEMPTS, Report

if TYPE_CHECKING:
    from arena import Arena

every = pytest.mark.parametrize("name", HELD_WITHOUT)


@every
@pytest.mark.parametrize("layers", ["", "landlock", "seccomp", "landlock+seccomp"])
def test_it_is_held_with_and_without_a_lock(arena: Arena, name: str, layers: str) -> None:
    """However much of the lock there is, the attempt finds nothing."""
    outcome = arena.outcome(name, layers.split("+") if layers else ())
    assert outcome.kind == "blocked"


@every
def test_it_works_in_a_plain_child(arena: Arena, name: str) -> None:
    """In a child process that is no worker the same attempt works: it is not futile."""
    scene = arena.stage.scene().to_json().decode()
    reading, writing = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "llmspell_testkit.hostile.attack", name, scene],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            pass_fds=(reading, writing),
            stdout=subprocess.PIPE,
            check=True,
        )
    finally:
        os.close(reading)
        os.close(writing)
    assert Report.from_json(done.stdout) == Report(outcome="open")


def test_the_attempts_of_this_kind_are_known() -> None:
    """They are few; each other attempt belongs into the table of layers."""
    assert {ATTEMPTS[name].name for name in HELD_WITHOUT} == {
        "find_inherited_descriptors",
        "find_a_secret_in_the_environment",
        "live_on_alone",
        "use_more_memory_than_allowed",
    }
