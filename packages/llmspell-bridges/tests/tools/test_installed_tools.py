"""Tools of other distributions, found by their entry points."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from llmspell_core import PermissionDeniedError, PluginError, ToolError, ValidationError

pytestmark = pytest.mark.anyio
MODULE = '''
from llmspell_bridges.tools import Tool
from llmspell_core import NetworkError

closed = []


class Loud(Tool):
    """Says it loudly."""

    name = "loud"
    description = "Loud"
    parameters = {"type": "object", "properties": {"text": {"type": "string"}}}
    effects = ("read",)

    def __init__(self, mark):
        self.mark = mark

    @classmethod
    def from_settings(cls, settings):
        return cls(settings.get("mark", "!"))

    async def call(self, arguments, ctx):
        if arguments["text"] == "secret":
            await ctx.ask("read", "/etc/secret")
        if arguments["text"] == "lost":
            raise NetworkError("lost")
        if arguments["text"] == "bug":
            raise KeyError("bug")
        return arguments["text"].upper() + self.mark

    async def health(self, ctx):
        raise NetworkError("the server is down")

    async def close(self):
        closed.append(self.name)


loud = Loud("")
text = "no tool"
'''


@pytest.fixture
def loud(plugins: Any) -> None:
    """Install the tool."""
    plugins("loud = acme_tools:Loud", MODULE)


@pytest.mark.usefixtures("loud")
async def test_it_is_listed_without_being_imported(script: Any) -> None:
    """Until it is asked for."""
    assert "loud" in await script.ask("tools", "list")
    assert "acme_tools" not in sys.modules
    assert (await script.ask("tools", "schema", "loud"))["description"] == "Loud"
    assert "acme_tools" in sys.modules


@pytest.mark.usefixtures("loud")
async def test_it_needs_a_permission_by_its_name(scripted: Any) -> None:
    """The denial names the flag; it is asked before the arguments are looked at."""
    with pytest.raises(PermissionDeniedError, match=r"--allow-tool=loud"):
        await scripted().ask("tools", "loud", 1)
    assert await scripted(tool=("loud",)).ask("tools", "loud", "hi") == "HI?"


@pytest.mark.usefixtures("loud")
async def test_it_asks_for_what_else_it_needs(scripted: Any) -> None:
    """That is a denial too, and no failure of the tool."""
    with pytest.raises(PermissionDeniedError, match=r"--allow-read=/etc/secret"):
        await scripted(tool=True).ask("tools", "loud", "secret")


@pytest.mark.usefixtures("loud")
async def test_its_failures_are_tool_errors(scripted: Any) -> None:
    """With what went wrong, and whether it may pass."""
    script = scripted(tool=True)
    with pytest.raises(ToolError, match="`loud` failed: lost") as caught:
        await script.ask("tools", "loud", "lost")
    assert caught.value.retryable
    assert caught.value.details["cause"] == {"kind": "network", "message": "lost"}
    with pytest.raises(ToolError, match="`loud` failed: KeyError: 'bug'") as caught:
        await script.ask("tools", "loud", "bug")
    assert not caught.value.retryable


@pytest.mark.usefixtures("loud")
async def test_health_says_why_it_cannot_be_used(script: Any) -> None:
    """As data: nothing is raised."""
    answer = await script.ask("tools", "health", "loud")
    assert answer == {"ok": False, "error": "the tool `loud` failed: the server is down"}


@pytest.mark.usefixtures("loud")
async def test_no_spell_takes_its_name(script: Any) -> None:
    """A grant by name is for the installed tool."""
    with pytest.raises(ValidationError, match="`loud` is an installed tool"):
        await script.define("loud", print)


@pytest.mark.usefixtures("loud")
async def test_the_runs_own_instance_is_closed_with_the_run(scripted: Any) -> None:
    """Once."""
    script = scripted(tool=True)
    await script.ask("tools", "loud", "hi")
    await script.session.close()
    assert sys.modules["acme_tools"].closed == ["loud"]


async def test_an_instance_serves_every_run_and_stays_open(plugins: Any, scripted: Any) -> None:
    """An entry point may name one."""
    plugins("loud = acme_tools:loud", MODULE)
    script = scripted(tool=True)
    assert await script.ask("tools", "loud", "hi") == "HI"
    await script.session.close()
    assert sys.modules["acme_tools"].closed == []


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("text = acme_tools:text", "it is a str, and no Tool"),
        ("other = acme_tools:Loud", "it calls itself `loud`"),
        ("loud = acme_tools:nothing", "cannot be loaded"),
        ("loud = acme_tools:bad", "its parameters: not a JSON Schema"),
    ],
)
async def test_a_broken_one_names_its_distribution(
    plugins: Any, scripted: Any, entry: str, said: str
) -> None:
    """Whose mistake it is, and what."""
    bad = '\nbad = Loud("")\nbad.parameters = {"properties": {"x": {"type": "strng"}}}\n'
    plugins(entry, MODULE + bad)
    with pytest.raises(PluginError, match=rf"acme-tools.*{said}"):
        await scripted(tool=True).ask("tools", entry.partition(" ")[0], "hi")
