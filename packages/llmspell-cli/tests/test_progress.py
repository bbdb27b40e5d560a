"""The progress of a download."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tty
from typing import TYPE_CHECKING

from llmspell_cli.output import Output
from llmspell_cli.progress import progress

if TYPE_CHECKING:
    import pytest

MIB = 1024 * 1024
PULL = f"""
from llmspell_cli.output import Output
from llmspell_cli.progress import progress
with progress("local/x", Output()) as report:
    for done in range(0, 9):
        report(done * {MIB}, 8 * {MIB})
"""


def test_lines_elsewhere_than_on_a_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    """A log gets a line per quarter."""
    with progress("local/x", Output()) as report:
        for percent in range(101):
            report(percent * MIB, 100 * MIB)
    lines = capfd.readouterr().err.splitlines()
    assert lines[0] == "local/x: 0 bytes of 100 MiB"
    assert lines[-1] == "local/x: 100 MiB of 100 MiB"
    assert len(lines) == 5


def test_an_unknown_total_is_told_once(capfd: pytest.CaptureFixture[str]) -> None:
    """Without a total there is nothing to show a part of."""
    with progress("local/x", Output()) as report:
        report(0, None)
        report(MIB, None)
    assert capfd.readouterr().err == "local/x: 0 bytes\n"


def test_quiet_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """With --quiet there is no progress."""
    with progress("local/x", Output(quiet=True)) as report:
        report(MIB, MIB)
    assert capfd.readouterr().err == ""


def test_a_bar_on_a_terminal() -> None:
    """A terminal gets a bar with name, size and the total."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen([sys.executable, "-c", PULL], stderr=theirs, env=env) as child:
        os.close(theirs)
        shown = b""
        try:
            while data := os.read(ours, 65536):
                shown += data
        except OSError:  # Linux: the other side has closed
            pass
        os.close(ours)
    assert child.returncode == 0
    assert b"local/x" in shown
    assert b"8.0/8.0 MiB" in shown
