"""An agent's call of a tool, approved or not at the terminal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from llmock.pytest_plugin import LLMock
from llmock.scenarios import Reply, ToolCall
from llmock.testing import LLMockServer

sys.path.insert(0, str(Path(__file__).parent))
from on_terminal import terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Cli

SPELL = {
    "lua": """
local mail = {name = "mail", parameters = {properties = {to = {type = "string"}}},
  handler = function(args) print("mailed " .. args.to) return "sent" end}
print("answer: " .. llm.agent{name = "clerk", tools = {mail}, approve = "ask"}:run("Mail Ada"))
""",
    "js": """
const mail = {name: "mail", parameters: {properties: {to: {type: "string"}}},
  handler: (args) => { console.log("mailed " + args.to); return "sent"; }};
const agent = await llm.agent({name: "clerk", tools: [mail], approve: "ask"});
console.log("answer: " + await agent.run("Mail Ada"));
""",
}


@pytest.fixture(scope="module")
def server() -> Iterator[LLMockServer]:
    """An OpenAI-compatible server on this machine."""
    with LLMockServer() as running:
        yield running


@pytest.fixture
def prepared(cli: Cli, server: LLMockServer) -> Cli:
    """Make that server the provider `openai`, and have its model mail Ada."""
    server.state.reset()
    calls = (ToolCall("mail", {"to": "Ada " + "x" * 300 + "\x1b[2J"}),)
    server.state.scenarios.add(Reply(tool_calls=calls), Reply(text="Done."))
    cli.env["OPENAI_BASE_URL"] = server.base_url("openai")
    cli.env["OPENAI_API_KEY"] = "sk-not-a-key"
    cli.env["LLMSPELL_CONFIG_DIR"] = str(cli.folder / ".config")
    cli.env["LLMSPELL_MODEL"] = "openai/gpt-4o"
    for language, text in SPELL.items():
        cli.write(f"a.{language}", text)
    return cli


@pytest.mark.parametrize("language", ["lua", "js"])
def test_a_yes_makes_the_call(prepared: Cli, language: str) -> None:
    """The whole call is shown, whatever its arguments hold; nothing is granted for longer."""
    with terminal(prepared, "run", f"a.{language}") as it:
        asked = it.until("/ [n]o: ")
        assert "the agent `clerk`" in asked
        assert asked.count("x") > 290
        assert "\x1b[2J" not in asked
        it.type("always\n")
        it.until("please answer y or n")
        it.type("y\n")
        it.until("mailed Ada")
        it.until("answer: Done.")
        assert it.end() == 0
    assert not (prepared.folder / "llmspell.toml").exists()


@pytest.mark.parametrize("language", ["lua", "js"])
def test_a_no_tells_the_model(prepared: Cli, server: LLMockServer, language: str) -> None:
    """The tool is not called, and the agent goes on."""
    with terminal(prepared, "run", f"a.{language}") as it:
        it.until("[n]o: ")
        it.type("n\n")
        shown = it.until("answer: Done.")
        assert "mailed" not in shown
        assert it.end() == 0
    told = LLMock(server).requests[-1].body["messages"][-1]
    assert "the call was not approved" in told["content"]
