"""`llmspell run FILE --watch`: a spell at the terminal follows its file."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import Popen

    from conftest import Cli


def _until(stream: Popen[bytes], text: str) -> list[str]:
    """Read stderr up to the line that holds `text`."""
    seen: list[str] = []
    assert stream.stderr is not None
    while not seen or text not in seen[-1]:
        line = stream.stderr.readline()
        assert line, f"it ended before it said {text!r}: {seen}"
        seen.append(line.decode())
    return seen


def _save(file: Path, text: str) -> None:
    """Save as most editors do: nobody ever sees half of it."""
    fresh = file.with_name("fresh")
    fresh.write_text(text)
    fresh.replace(file)


@pytest.mark.parametrize(
    ("suffix", "broken"), [("lua", "return ("), ("js", "return (")], ids=["lua", "js"]
)
def test_a_change_runs_the_spell_again(cli: Cli, suffix: str, broken: str) -> None:
    """A broken change is shown with its line, and the next good one runs."""
    file = cli.write(f"live.{suffix}", "return 1")
    process = cli.start("run", file.name, "--watch")
    with process:
        _until(process, "watching")
        _save(file, broken)
        assert any(f"live.{suffix}:1" in line for line in _until(process, "last good version"))
        _save(file, "return 2")
        _until(process, "watching")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    assert out == b"1\n2\n"
    assert process.returncode == 130


def test_watching_gives_no_document(cli: Cli) -> None:
    """One document for many runs would not be one."""
    file = cli.write("live.lua", "return 1")
    done = cli("run", file.name, "--watch", "--json")
    assert done.returncode == 2
    assert "--watch does not go with --json" in done.stdout
