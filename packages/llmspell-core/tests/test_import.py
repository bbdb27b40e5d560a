"""What importing the core costs: modules, counted, and processor time beside what it stands on."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEAVY = {
    "click",
    "dataclasses",
    "importlib.metadata",
    "json",
    "llmspell_core.blocking",
    "pathlib",
    "tomllib",
    "watchfiles",
}
# Measured on Python 3.11, 3.12 and 3.13, which differ by two (3.13 needs nine less for the package
# itself), and a tenth more; a new module here must be worth its price at every start.
CASES = {
    "package": ("import llmspell_core", 28),
    "runtime": ("from llmspell_core import Runtime", 160),
}
CONTROL = "import asyncio, msgspec"
ROUNDS = 5


def modules(program: str) -> set[str]:
    """List the modules that a program imports, from the interpreter's own report."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", program],
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    lines = done.stderr.splitlines()
    return {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}


def processor_s(program: str) -> float:
    """Measure the processor time of a Python that runs a program."""
    child = subprocess.Popen([sys.executable, "-c", program])
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0
    return usage.ru_utime + usage.ru_stime


@pytest.mark.parametrize("case", CASES)
def test_the_number_of_modules_is_bounded(case: str) -> None:
    """The modules beyond a bare interpreter's stay below a ceiling, and none is a heavy one."""
    program, ceiling = CASES[case]
    new = modules(program) - modules("")
    assert new & HEAVY == set()
    assert len(new) <= ceiling


@pytest.mark.parametrize(("case", "most"), [("package", 0.6), ("runtime", 1.6)])
def test_the_import_costs_little_beside_asyncio(case: str, most: float) -> None:
    """The least processor time of five stays within a ratio to importing asyncio and msgspec.

    Measured: 0.21 to 0.29 for the package, 1.01 to 1.18 for the runtime.
    """
    program, _ = CASES[case]
    pairs = [(processor_s(program), processor_s(CONTROL)) for _ in range(ROUNDS)]
    ours, control = (min(times) for times in zip(*pairs, strict=True))
    assert ours <= most * control
