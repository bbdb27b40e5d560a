"""The attack program as data: what it says of itself, and what its stage makes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from llmspell_testkit.hostile.attack import ATTEMPTS, FILES, Report, Scene, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
COMMAND = [sys.executable, "-m", "llmspell_testkit.hostile.attack"]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Open a stage."""
    with Stage(tmp_path) as stage:
        yield stage


@pytest.mark.parametrize("name", ATTEMPTS)
def test_each_attempt_says_what_it_tries(name: str) -> None:
    """Its docstring is one sentence, which is how it is listed."""
    tries = ATTEMPTS[name].tries
    assert tries[0].isupper()
    assert tries.endswith(".")


def test_every_topic_has_attempts() -> None:
    """Each module registers some."""
    modules = {attempt.run.__module__ for attempt in ATTEMPTS.values()}
    assert modules == {module.__name__ for module in FILES}


def test_an_attempt_runs_in_a_process_of_its_own(stage: Stage) -> None:
    """By name and scene, on the command line: what works without a lock is open."""
    scene = stage.scene().to_json().decode()
    done = subprocess.run(
        [*COMMAND, "open_read", scene], env=ENVIRONMENT, stdout=subprocess.PIPE, check=True
    )
    assert Report.from_json(done.stdout) == Report(outcome="open")


def test_a_refusal_is_a_report(stage: Stage) -> None:
    """An attempt that the kernel refuses is blocked, and the report says by which errno."""
    scene = stage.scene()
    os.remove(f"{scene.folder}/canary")  # noqa: PTH107 - as an attempt would name it
    report = ATTEMPTS["open_read"].report(scene)
    assert (report.outcome, report.errno) == ("blocked", 2)


def test_the_list_names_all(stage: Stage) -> None:
    """Without arguments the program lists every attempt with its sentence."""
    done = subprocess.run(COMMAND, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True)
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(ATTEMPTS)


def test_a_scene_survives_the_way_to_a_worker(stage: Stage) -> None:
    """It is plain data, by JSON."""
    scene = stage.scene()
    assert Scene.from_json(scene.to_json()) == scene


def test_a_stage_listens(stage: Stage) -> None:
    """What scenes name can be connected to."""
    scene = stage.scene()
    for address in (scene.stream, "\0" + scene.abstract):
        with socket.socket(socket.AF_UNIX) as unix:
            unix.connect(address)
    with socket.socket() as tcp:
        tcp.connect(("127.0.0.1", scene.tcp))


def test_a_changed_folder_and_a_dead_victim_are_replaced(stage: Stage) -> None:
    """What an attempt did is not there for the next one; what it left alone is used again."""
    first = stage.scene()
    assert stage.scene() == first
    with open(f"{first.folder}/new", "w", encoding="ascii"):  # noqa: PTH123 - as above
        assert not stage.untouched()
    os.kill(first.victim, 9)
    os.waitid(os.P_PID, first.victim, os.WEXITED | os.WNOWAIT)
    second = stage.scene()
    assert second.folder != first.folder
    assert second.victim != first.victim
