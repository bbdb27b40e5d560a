"""Agents in a run of their own: real HTTP to a scripted server, functions for the script's."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from llmock.scenarios import Match, Reply, ToolCall

# tests are imported by file, and share this one
sys.path.insert(0, str(Path(__file__).parents[2]))

from script_side import ScriptSide

from llmspell_bridges.tools import ToolsBridge
from llmspell_core import Budget, Ledger, Permissions, Session, TextRecord
from llmspell_core.dispatch import call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from llmspell_bridges.llm import LlmBridge

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


class Lab(ScriptSide):
    """A run, seen from its script, and the server that its models are."""

    def __init__(self, session: Session, mock: Any) -> None:
        """Take the session, and the server that answers."""
        super().__init__(session)
        self.mock = mock

    def tool(self, name: str, function: Callable[..., Any], **more: Any) -> dict[str, Any]:
        """Define a tool where it is used."""
        return {"name": name, "handler": self.function(function), "parameters": CITY, **more}

    def weather(self, answer: Any = "sunny") -> dict[str, Any]:
        """Define a tool that knows the weather."""
        return self.tool("weather", lambda _: answer, description="The weather in a city")

    async def agent(self, **options: Any) -> Any:
        """Make an agent; the answer is its handle."""
        return await call(self.session, "llm", "agent", [options])

    async def ask(self, handle: Any, method: str, *args: Any) -> Any:
        """Call a method of a handle."""
        return await call(self.session, handle.id, method, list(args))

    async def pull(self, handle: Any, *args: Any) -> list[TextRecord]:
        """Read an agent's stream to its end, as a script does."""
        stream = await self.ask(handle, "stream", *args)
        items: list[TextRecord] = []
        while True:
            batch = await self.ask(stream, "next", 64)
            items += batch["items"]
            if batch["done"]:
                return items

    def reply(
        self, text: str | None = None, *calls: tuple[str, dict[str, Any]], **match: Any
    ) -> None:
        """Script the server's next answer: text, or calls of tools; `match` picks the request."""
        asked = tuple(ToolCall(name, arguments) for name, arguments in calls)
        self.mock.add(Reply(text=text, tool_calls=asked, match=Match(**match)))

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """What the server was sent, in order."""
        return [request.body for request in self.mock.requests]

    def sent(self, index: int = -1) -> list[tuple[str, Any]]:
        """List a request's messages by role and content; calls of tools by name and arguments."""
        found = []
        for message in self.bodies[index]["messages"]:
            calls = [
                (each["function"]["name"], each["function"]["arguments"])
                for each in message.get("tool_calls") or ()
            ]
            found.append((message["role"], calls or message["content"]))
        return found


@pytest.fixture
async def labs(bridge: LlmBridge, mock: Any) -> AsyncIterator[Callable[..., Lab]]:
    """Start runs with grants and budgets of the test's own; closed after it."""
    sessions: list[Session] = []

    def labs(*, permissions: Permissions | None = None, ask: Any = None, **budget: Any) -> Lab:
        session = Session(
            bridges={"llm": bridge, "tools": ToolsBridge()},
            permissions=permissions,
            ledger=Ledger(Budget(**budget)),
            ask=ask,
        )
        sessions.append(session)
        return Lab(session, mock)

    yield labs
    for session in sessions:
        await session.close()


@pytest.fixture
def lab(labs: Callable[..., Lab]) -> Lab:
    """One run with the usual budget."""
    return labs()


LOUD = """
from llmspell_bridges.tools import Tool


class Loud(Tool):
    name = "loud"
    parameters = {"type": "object", "properties": {"text": {"type": "string"}}}

    async def call(self, arguments, ctx):
        return arguments["text"].upper()
"""


@pytest.fixture
def loud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a tool that needs a permission."""
    monkeypatch.syspath_prepend(str(tmp_path))
    info = tmp_path / "acme_loud-1.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[llmspell.tools]\nloud = acme_loud:Loud\n")
    (tmp_path / "acme_loud.py").write_text(LOUD)
