"""On a terminal: no control characters from a spell, colours of ours, answers as they arrive."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import tty
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Cli

HOSTILE = "a\x1b[2Jb\x07c\rd\x9be\u202ef\u2066g\th"
CLEAN = "a[2Jbcdefg\th"


def on_terminal(cli: Cli, *args: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Run with stdout and stderr on a pseudo-terminal; return the exit code and what it showed."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    child = subprocess.Popen(
        [*cli.command, *args],
        cwd=cli.folder,
        env={**cli.env, "TERM": "xterm", **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    try:
        while select.select([ours], [], [], 50)[0]:
            try:
                data = os.read(ours, 65536)
            except OSError:  # Linux: the other side has closed
                break
            if not data:
                break
            shown += data
    finally:
        os.close(ours)
    return child.wait(timeout=20), shown.decode()


@pytest.mark.parametrize("level", ["log", "write", "info", "error"])
def test_controls_are_stripped(cli: Cli, level: str) -> None:
    """Control and bidirectional characters that a spell prints do not reach a terminal."""
    cli.write("a.lua", f"console.{level}(params.text)")
    _, shown = on_terminal(cli, "run", "a.lua", "--param", f"text={HOSTILE}", env={"NO_COLOR": "1"})
    assert shown == CLEAN + "\n"


def test_controls_in_results_and_errors_are_stripped(cli: Cli) -> None:
    """Nor do those in its result, or in its error."""
    env = {"NO_COLOR": "1"}
    cli.write("a.lua", "return params.text")
    assert (
        on_terminal(cli, "run", "a.lua", "--param", f"text={HOSTILE}", env=env)[1] == CLEAN + "\n"
    )
    cli.write("b.lua", "error(params.text)")
    code, shown = on_terminal(cli, "run", "b.lua", "--param", f"text={HOSTILE}", env=env)
    assert (code, shown) == (1, f"b.lua:1: {CLEAN}\n")


def test_controls_pass_through_a_pipe(cli: Cli) -> None:
    """A pipe gets what the spell wrote, byte by byte."""
    cli.write("a.lua", "return params.text")
    assert cli("run", "a.lua", "--param", f"text={HOSTILE}").stdout == HOSTILE + "\n"


def test_json_on_a_terminal_is_escaped(cli: Cli) -> None:
    """A document shown on a terminal has escapes for them, and the same value."""
    cli.write("a.lua", "return params.text")
    _, shown = on_terminal(cli, "run", "a.lua", "--json", "--param", f"text={HOSTILE}")
    assert json.loads(shown)["result"] == HOSTILE
    assert not set(shown) & set("\x1b\x07\x9b\u202e\u2066")


@pytest.mark.parametrize(
    ("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colours(cli: Cli, env: dict[str, str], coloured: bool) -> None:  # noqa: FBT001 - a parameter
    """Errors are coloured on a terminal, unless its user or its type refuse that."""
    _, shown = on_terminal(cli, "exec", 'error("boom")', "-l", "lua", env=env)
    assert ("\x1b[31mboom\x1b[0m" in shown) is coloured
    assert "boom" in shown


def test_no_colours_in_a_pipe(cli: Cli) -> None:
    """A pipe gets no colours."""
    assert "\x1b" not in cli("exec", 'error("boom")', "-l", "lua").stderr


def test_an_open_line_is_closed(cli: Cli) -> None:
    """A line that the spell left open is ended before the prompt comes back, or an error."""
    assert on_terminal(cli, "exec", 'console.write("a")', "-l", "lua")[1] == "a\n"
    _, shown = on_terminal(
        cli, "exec", 'console.write("a") error("b")', "-l", "lua", env={"NO_COLOR": "1"}
    )
    assert shown == "a\nspell:1: b\n"


def test_what_is_written_is_seen_at_once(cli: Cli) -> None:
    """Each piece is shown when it is written, not when the spell ends."""
    code = 'console.write("piece") util.sleep(60000)'
    with cli.start("exec", code, "-l", "lua") as child:
        assert child.stdout is not None
        try:
            assert child.stdout.read(5) == b"piece"
            assert child.poll() is None
        finally:
            child.kill()
