"""A server's process: what it is given, and that it ends with the run and with all it started."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from llmspell_bridges.mcp import McpBridge
from llmspell_core import ConfigurationError, ToolError
from llmspell_core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Spell

pytestmark = pytest.mark.anyio
SERVER = str(Path(__file__).parent / "notes_server.py")


def running(pid: int) -> bool:
    """Say whether a process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def known(pid: int) -> bool:
    """Say whether a process is there, be it a zombie."""
    return Path(f"/proc/{pid}").exists()


async def gone(pid: int) -> None:
    """Wait until a process has ended."""
    async with asyncio.timeout(20):
        while running(pid):  # noqa: ASYNC110 - another process tells nobody
            await asyncio.sleep(0.01)


async def there(file: Path) -> None:
    """Wait until a server has written a file."""
    async with asyncio.timeout(20):
        while not file.exists():  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)


async def test_a_server_sees_a_minimal_environment(
    spells: Callable[..., Spell], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the host's environment it has what a program needs; the rest its configuration gives."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-host")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/somewhere")
    secret = Secret(lambda: "a-token-of-mine", "environment MINE")
    env = {"LEVEL": "debug", "TOKEN": secret}
    spell = spells({"notes": {"command": sys.executable, "args": [SERVER], "env": env}})
    answer = await spell.ask(await spell.connect("notes"), "call", "environment", {})
    seen: dict[str, str] = answer.fields["data"]
    needed = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR")
    assert set(seen) <= {*needed, "TZ", "USER", "LEVEL", "TOKEN", "PWD", "SHLVL", "_"}
    assert seen["PATH"] == os.environ["PATH"]
    assert seen["LEVEL"] == "debug"
    assert seen["TOKEN"] == "[redacted: environment MINE]"


async def test_a_secret_that_is_not_there_is_told(spells: Callable[..., Spell]) -> None:
    """Nothing is started without what it needs."""
    env = {"TOKEN": Secret(lambda: None, "environment MINE")}
    spell = spells({"raw": {"command": "/nowhere", "env": env}})
    with pytest.raises(ConfigurationError, match=r"needs TOKEN, .* nothing in environment MINE"):
        await spell.connect()


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("no-such-program-here", "there is no program `no-such-program-here` on the PATH"),
        ("/nowhere/at-all", "cannot start `/nowhere/at-all`: no such file or directory"),
        (str(Path(__file__)), "permission denied"),
    ],
)
async def test_a_command_that_cannot_be_started_says_why(
    spells: Callable[..., Spell], command: str, why: str
) -> None:
    """The error names the server and the program."""
    with pytest.raises(ConfigurationError, match=f"the MCP server `raw`: .*{why}"):
        await spells({"raw": {"command": command}}).connect()


async def test_a_server_ends_with_the_run(spell: Callable[..., Spell]) -> None:
    """It and what it has started, and no zombie is left."""
    run = spell(start="child")
    pid = int(await run.tool("pid"))
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert len(children) == 1
    await run.session.close()
    assert not known(pid)
    await gone(int(children[0]))


async def test_a_stubborn_server_is_killed_with_its_children(
    spell: Callable[..., Spell], tmp_path: Path
) -> None:
    """One that ignores the end of its input and SIGTERM ends all the same, and its child does."""
    file = tmp_path / "pids"
    run = spell(start="stubborn", file=str(file))
    await run.connect()
    pid, child = map(int, file.read_text().split())
    assert running(pid)
    assert running(child)
    await run.session.close()
    assert not known(pid)
    await gone(child)


async def test_a_server_whose_ending_is_cancelled_is_killed(
    spell: Callable[..., Spell], tmp_path: Path
) -> None:
    """Whoever is in a hurry leaves nothing behind."""
    file = tmp_path / "pids"
    run = spell(start="stubborn", file=str(file))
    await run.connect()
    pid, child = map(int, file.read_text().split())
    closing = asyncio.create_task((await run.session.bridge("mcp")).close())
    await there(tmp_path / "pids.end")
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)
    await gone(pid)
    await gone(child)


async def test_connecting_that_is_cancelled_leaves_no_server(
    spell: Callable[..., Spell], tmp_path: Path
) -> None:
    """A run that ends in the middle of a handshake ends the server."""
    file = tmp_path / "pids"
    run = spell(start="stubborn", mute=True, file=str(file))
    connecting = asyncio.create_task(run.connect())
    await there(file)
    pid, child = map(int, file.read_text().split())
    connecting.cancel()
    await asyncio.gather(connecting, return_exceptions=True)
    await gone(pid)
    await gone(child)


async def test_the_tasks_of_a_loop_that_ends_take_the_server_along(
    spell: Callable[..., Spell], tmp_path: Path
) -> None:
    """A host that only cancels what is left, as `asyncio.run` does, leaves nothing behind."""
    file = tmp_path / "pids"
    run = spell(start="stubborn", file=str(file))
    await run.connect()
    pid, child = map(int, file.read_text().split())
    ours = [it for it in asyncio.all_tasks() if it.get_name().startswith("llmspell-mcp")]
    assert ours
    for task in ours:
        task.cancel()
    await asyncio.gather(*ours, return_exceptions=True)
    await gone(pid)
    await gone(child)


async def test_a_server_that_dies_says_how(spell: Callable[..., Spell]) -> None:
    """The error has its status and its last words; connecting again starts another."""
    run = spell()
    with pytest.raises(ToolError, match="exit status 3") as caught:
        await run.tool("die")
    assert str(caught.value) == ("the MCP server `raw` has ended: exit status 3\n[31mout of owls")
    with pytest.raises(ToolError, match="the MCP server `raw` has ended: exit status 3"):
        await run.ask("tools", "raw_echo", {"a": 1})
    assert await run.ask("tools", "health", "raw_echo") == {"ok": False, "error": str(caught.value)}
    assert await run.tool("echo", a=1) == '{"a": 1}'


async def test_a_server_that_does_not_start_well_says_how(spell: Callable[..., Spell]) -> None:
    """What it wrote to stderr is in the error, and in the record."""
    run = spell(start="die")
    with pytest.raises(ToolError, match="has ended: exit status 4\nno owls today"):
        await run.connect()
    assert {"event": "mcp_stderr", "server": "raw", "error": "no owls today\n"} in run.events


async def test_a_server_that_closes_its_output_is_gone(spell: Callable[..., Spell]) -> None:
    """A call does not wait for an answer that cannot come."""
    with pytest.raises(ToolError, match="has ended: it closed its output"):
        await spell().tool("close")


async def test_two_runs_have_servers_of_their_own(
    spells: Callable[..., Spell], spell: Callable[..., Spell]
) -> None:
    """What one spell did to a server, another does not see."""
    first, second = spell(), spell()
    assert await first.tool("pid") != await second.tool("pid")


def test_servers_are_configured_by_the_host_alone() -> None:
    """No argument of the bridge's methods is a command or an address."""
    from llmspell_core import methods_of

    named = {param.name for found in methods_of(McpBridge).values() for param in found.params}
    assert named - {"ctx"} == {"name"}
