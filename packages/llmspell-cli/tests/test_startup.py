"""Start-up cost: what the command imports, counted."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Cli

FORBIDDEN = (
    "dataclasses",
    "httpx",
    "importlib.metadata",
    "json",
    "litellm",
    "llmspell_bridges",
    "lupa",
    "opentelemetry",
    "pathlib",
    "py_mini_racer",
    "pydantic",
    "rich",
    "structlog",
    "tomllib",
    "xllamacpp",
)
# Measured on Python 3.11, 3.12 and 3.13, which differ by two, and a tenth more; a new module on this
# path must be worth its price. Of a run's, ctypes and what it needs are three: they close the host's memory.
CEILINGS = {"help": 114, "run": 222}
# Processor time, in times of a Python that imports asyncio and click. Measured: 0.59 to 0.71 for the
# help, 1.21 to 1.49 for an empty spell, its worker left out.
MOST = {"help": 1.0, "run": 2.0}
ROUNDS = 5


def imported(cli: Cli, *args: str) -> set[str]:
    """List what running the command imports beyond an interpreter that does nothing."""
    return modules(cli, "-m", "llmspell_cli", *args) - modules(cli, "-c", "")


def modules(cli: Cli, *args: str) -> set[str]:
    """Run Python and list the modules that it imported, from the interpreter's own report."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *args],
        cwd=cli.folder,
        env=cli.env,
        capture_output=True,
        timeout=50,
        check=True,
    )
    lines = done.stderr.decode().splitlines()
    return {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}


@pytest.mark.parametrize("args", [("--help",), ("run", "a.lua")], ids=["help", "run"])
def test_heavy_modules_stay_out(cli: Cli, args: tuple[str, ...]) -> None:
    """Neither the help nor a spell without LLM calls imports what only others need."""
    cli.write("a.lua", "return 1")
    new = imported(cli, *args)
    heavy = {name for name in new if name in FORBIDDEN or name.partition(".")[0] in FORBIDDEN}
    assert not heavy


@pytest.mark.parametrize(("case", "args"), [("help", ("--help",)), ("run", ("run", "a.lua"))])
def test_the_number_of_modules_is_bounded(cli: Cli, case: str, args: tuple[str, ...]) -> None:
    """The modules that the command imports beyond a bare interpreter's stay below a ceiling."""
    cli.write("a.lua", "")
    assert len(imported(cli, *args)) <= CEILINGS[case]


def processor_s(cli: Cli, *args: str) -> float:
    """Measure the processor time of a Python and of what it waited for."""
    child = subprocess.Popen(
        [sys.executable, *args], cwd=cli.folder, env=cli.env, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    return usage.ru_utime + usage.ru_stime


@pytest.mark.parametrize(("case", "args"), [("help", ("--help",)), ("run", ("run", "a.lua"))])
def test_the_start_costs_little_beside_asyncio(cli: Cli, case: str, args: tuple[str, ...]) -> None:
    """The least processor time of five starts stays within a ratio to its libraries' import."""
    cli.write("a.lua", "")
    pairs = [
        (
            processor_s(cli, "-m", "llmspell_cli", *args),
            processor_s(cli, "-c", "import asyncio, click"),
        )
        for _ in range(ROUNDS)
    ]
    ours, control = (min(times) for times in zip(*pairs, strict=True))
    assert ours <= MOST[case] * control
