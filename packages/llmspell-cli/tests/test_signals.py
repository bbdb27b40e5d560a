"""Ctrl-C, SIGTERM, and readers who leave."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Cli

WAIT = {
    "lua": 'print("ready") util.sleep(600000) print("after")',
    "js": 'console.log("ready"); await util.sleep(600000); console.log("after")',
}
LOOP = {"lua": 'print("ready") while true do end', "js": 'console.log("ready"); while (true);'}
STUBBORN = '''
from __future__ import annotations
import asyncio
from llmspell_core import Bridge, method


class Stubborn(Bridge):
    """Does not let itself be cancelled."""

    name = "stubborn"

    @method()
    async def stay(self) -> None:
        """Stay."""
        print("staying", flush=True)
        while True:
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                print("still here", flush=True)
'''


def interrupted(cli: Cli, number: int, *args: str) -> tuple[int, str, str]:
    """Start a spell, send a signal once it says that it is ready, and return how it ended."""
    with cli.start(*args) as child:
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == b"ready\n"
            child.send_signal(number)
            out, err = child.communicate(timeout=20)
        finally:
            child.kill()
    return child.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("suffix", ["lua", "js"])
@pytest.mark.parametrize("codes", [WAIT, LOOP], ids=["call", "loop"])
def test_ctrl_c_cancels_the_spell(cli: Cli, suffix: str, codes: dict[str, str]) -> None:
    """Ctrl-C ends a spell in a call, or in a loop, with exit code 130 and one word."""
    cli.write(f"a.{suffix}", codes[suffix])
    code, out, err = interrupted(cli, signal.SIGINT, "run", f"a.{suffix}")
    assert (code, out, err) == (130, "", "interrupted\n")


def test_sigterm_cancels_the_spell(cli: Cli) -> None:
    """SIGTERM does the same, with exit code 143."""
    cli.write("a.lua", WAIT["lua"])
    code, out, err = interrupted(cli, signal.SIGTERM, "run", "a.lua")
    assert (code, out, err) == (143, "", "interrupted\n")


def test_a_second_ctrl_c_kills(cli: Cli, plugin: Callable[[str, str], None]) -> None:
    """A call that cannot be cancelled is left behind at the second Ctrl-C."""
    plugin("[llmspell.bridges]\nstubborn = acme_plugin:Stubborn\n", STUBBORN)
    with cli.start("exec", "stubborn.stay()", "-l", "lua") as child:
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == b"staying\n"
            child.send_signal(signal.SIGINT)
            assert child.stdout.readline() == b"still here\n"
            child.send_signal(signal.SIGINT)
            assert child.wait(timeout=20) == 130
        finally:
            child.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_json_has_its_document_when_interrupted(cli: Cli, number: int) -> None:
    """An interrupted run still prints its one document."""
    cli.write("a.lua", 'console.error("x") util.sleep(600000)')
    os.mkfifo(cli.folder / "trace")
    with cli.start("run", "a.lua", "--json", "--trace", "trace") as child:
        try:
            with (cli.folder / "trace").open() as trace:
                while '"event":"log"' not in trace.readline():
                    assert child.poll() is None
                child.send_signal(number)
                out, _ = child.communicate(timeout=20)
        finally:
            child.kill()
    assert child.returncode == 128 + number
    found = json.loads(out)
    assert found["error"]["kind"] == "cancelled"
    assert found["logs"] == [{"level": "error", "text": "x"}]


def test_no_process_is_left_after_ctrl_c(cli: Cli) -> None:
    """The worker of an interrupted spell is gone when the command is."""
    cli.write("a.lua", LOOP["lua"])
    with cli.start("run", "a.lua") as child:
        assert child.stdout is not None
        try:
            assert child.stdout.readline() == b"ready\n"
            workers = children_of(child.pid)
            assert workers
            child.send_signal(signal.SIGINT)
            child.communicate(timeout=20)
        finally:
            child.kill()
    assert not [pid for pid in workers if alive(pid)]


def children_of(pid: int) -> list[int]:
    """List the direct children of a process."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    """Say whether a process is there."""
    return Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("args", [["run", "a.lua"], ["run", "a.lua", "--json"], ["--help"]])
def test_a_reader_who_leaves_ends_it_quietly(cli: Cli, args: list[str]) -> None:
    """A closed pipe (`| head -1`) ends the command without a word, an endless spell too."""
    endless = 'repeat print("line") until false'
    cli.write("a.lua", 'print("line")' if "--json" in args else endless)
    with cli.start(*args) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        try:
            child.stdout.close()
            assert child.wait(timeout=40) == 141
            assert child.stderr.read() == b""
        finally:
            child.kill()


def test_a_full_disk_is_told(cli: Cli) -> None:
    """Output that cannot be written for another reason is an error that says so."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*cli.command, "exec", 'print("a")', "-l", "lua"],
            env=cli.env,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=30,
            check=False,
        )
    assert done.returncode == 2
    assert b"cannot write to standard output: no space left" in done.stderr


def test_closed_streams_are_replaced(cli: Cli) -> None:
    """A command started without standard streams still runs the spell."""
    cli.write("a.lua", 'print("a") return 1')
    command = " ".join([*cli.command, "run", "a.lua", "<&- >&- 2>&-"])
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=cli.folder, env=cli.env, timeout=30, check=False
    )
    assert done.returncode == 0
