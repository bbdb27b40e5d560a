"""MCP servers from the command line: trusted, granted or asked for, and gone with the command."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from on_terminal import terminal

if TYPE_CHECKING:
    from conftest import Cli

SHELF = str(Path(__file__).parent / "bridges" / "shelf_server.py")
FIND = {
    "lua": 'print(mcp.connect("shelf"):call("find", {title = "Owls"}))',
    "js": 'console.log(await (await mcp.connect("shelf")).call("find", {title: "Owls"}))',
}
HOLD = {
    "lua": 'mcp.connect("shelf") print("ready") util.sleep(600000)',
    "js": 'await mcp.connect("shelf"); console.log("ready"); await util.sleep(600000)',
}
LOOP = {
    "lua": 'mcp.connect("shelf") print("ready") while true do end',
    "js": 'await mcp.connect("shelf"); console.log("ready"); while (true);',
}
STUBBORN = f"""
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(90)"])
with open("pids", "w") as file:
    file.write(f"{{os.getpid()}} {{child.pid}}")
exec(open({SHELF!r}).read())
time.sleep(90)
"""


@pytest.fixture
def configured(cli: Cli) -> Cli:
    """A project with the server `shelf`, which is trusted."""
    cli.env["LLMSPELL_CONFIG_DIR"] = str(cli.folder / ".config")
    configure(cli, SHELF)
    for language, text in FIND.items():
        cli.write(f"find.{language}", text)
    return cli


def configure(cli: Cli, script: str) -> None:
    """Write the project's file, and trust it."""
    cli.write("llmspell.toml", f"[mcp.shelf]\ncommand = {sys.executable!r}\nargs = [{script!r}]\n")
    assert cli("trust").returncode == 0


def wait_until_gone(pid: int) -> None:
    """Wait until a process has ended; a zombie has."""
    deadline = time.monotonic() + 20
    while True:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return
        if state == "Z":
            return
        assert time.monotonic() < deadline, f"{pid} is still there"
        time.sleep(0.01)


@pytest.mark.parametrize("language", FIND)
def test_a_granted_server_is_used(configured: Cli, language: str) -> None:
    """The option names it; its tools need no other grant."""
    done = configured("run", f"find.{language}", "--allow-mcp=shelf")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Owls: place 3\n", "")


@pytest.mark.parametrize("language", FIND)
def test_a_server_that_is_not_granted_is_refused(configured: Cli, language: str) -> None:
    """The error names the option."""
    done = configured("run", f"find.{language}", "--allow-mcp=other", "--allow-tool")
    assert done.returncode == 4
    assert "`mcp.connect" in done.stderr or "`shelf`" in done.stderr
    assert "allow it with --allow-mcp=shelf" in done.stderr


def test_a_server_of_a_file_that_is_not_trusted_is_not_there(configured: Cli) -> None:
    """Nothing of it is started, whatever is granted."""
    assert configured("trust", "--remove").returncode == 0
    done = configured("run", "find.lua", "-A")
    assert done.returncode == 1
    assert "no MCP server is configured" in done.stderr
    assert "mcp.shelf.command, mcp.shelf.args have no effect" in done.stderr


def test_the_terminal_is_asked_for_a_server(configured: Cli) -> None:
    """The question names it; a yes is for this run."""
    with terminal(configured, "run", "find.lua") as screen:
        question = screen.answer("y\n")
        screen.until("Owls: place 3")
    assert "mcp       shelf" in question
    assert "NOT DECLARED" in question


def test_a_header_declares_its_servers(configured: Cli) -> None:
    """They are shown as what the spell asks for, and granted by the configuration."""
    configured.write(
        "a.lua", f'-- /// spell\n-- [needs]\n-- mcp = ["shelf"]\n-- ///\n{FIND["lua"]}'
    )
    assert "--allow-mcp=shelf" in configured("run", "a.lua", "--help").stdout
    file = configured.folder / "llmspell.toml"
    file.write_text(f'[permissions]\nmcp = ["shelf"]\n{file.read_text()}')
    assert configured("trust").returncode == 0
    assert configured("run", "a.lua").stdout == "Owls: place 3\n"


@pytest.mark.parametrize("language", HOLD)
@pytest.mark.parametrize("ending", ["limit", "interrupt", "terminate"])
def test_a_server_ends_with_the_command(cli: Cli, language: str, ending: str) -> None:
    """Whatever ends the run: a stubborn server and what it has started end as well."""
    cli.env["LLMSPELL_CONFIG_DIR"] = str(cli.folder / ".config")
    configure(cli, str(cli.write("stubborn.py", STUBBORN)))
    cli.write(f"hold.{language}", (LOOP if ending == "limit" else HOLD)[language])
    more = ["--cpu=1s"] if ending == "limit" else []
    with cli.start("run", f"hold.{language}", "--allow-mcp", *more) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        pids = [int(pid) for pid in (cli.folder / "pids").read_text().split()]
        if ending != "limit":
            child.send_signal(signal.SIGINT if ending == "interrupt" else signal.SIGTERM)
        child.communicate(timeout=30)
    assert child.returncode == {"limit": 5, "interrupt": 130, "terminate": 143}[ending]
    for pid in pids:
        wait_until_gone(pid)


def test_a_server_sees_that_the_command_was_killed(cli: Cli) -> None:
    """Nobody is left to end it: the end of its input tells it."""
    cli.env["LLMSPELL_CONFIG_DIR"] = str(cli.folder / ".config")
    script = f"import os\nopen('pid', 'w').write(str(os.getpid()))\nexec(open({SHELF!r}).read())"
    configure(cli, str(cli.write("server.py", script)))
    cli.write("hold.lua", HOLD["lua"])
    with cli.start("run", "hold.lua", "--allow-mcp") as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        child.kill()
    wait_until_gone(int((cli.folder / "pid").read_text()))
