"""Runs with the bridge `mcp`, and real servers: made with the SDK, or by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

# tests are imported by file, and share this one
sys.path.insert(0, str(Path(__file__).parents[1]))

from script_side import ScriptSide

from llmspell_bridges.mcp import McpBridge
from llmspell_bridges.tools import ToolsBridge
from llmspell_core import Budget, Ledger, Permissions, Session
from llmspell_core.dispatch import call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

HERE = Path(__file__).parent
NOTES = {"command": sys.executable, "args": [str(HERE / "notes_server.py")]}


def raw(**options: Any) -> dict[str, Any]:
    """Configure the server that is made by hand; see `raw_server`."""
    timeout_s = options.pop("timeout_s", 20)
    args = [str(HERE / "raw_server.py"), json.dumps(options)]
    return {"command": sys.executable, "args": args, "timeout_s": timeout_s}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio."""
    return "asyncio"


class Spell(ScriptSide):
    """A run, seen from its script."""

    def __init__(self, session: Session, events: list[dict[str, Any]]) -> None:
        super().__init__(session)
        self.events = events

    async def ask(self, target: Any, method: str, *args: Any) -> Any:
        """Call a method of a bridge or of a handle."""
        return await call(self.session, getattr(target, "id", target), method, list(args))

    async def connect(self, name: str = "raw") -> Any:
        """Connect to a server."""
        return await self.ask("mcp", "connect", name)

    async def tool(self, name: str, /, **arguments: Any) -> Any:
        """Call a tool of the only server by its own name."""
        return await self.ask(await self.connect(), "call", name, arguments)


@pytest.fixture
async def spells() -> AsyncIterator[Callable[..., Spell]]:
    """Start runs with servers, grants and budgets of the test's own; closed after it."""
    sessions: list[Session] = []

    def spells(
        servers: dict[str, Any], *, permissions: Permissions | None = None, **budget: Any
    ) -> Spell:
        events: list[dict[str, Any]] = []
        session = Session(
            bridges={"mcp": McpBridge.from_settings(servers), "tools": ToolsBridge()},
            permissions=permissions or Permissions(mcp=True),
            ledger=Ledger(Budget(**budget)),
            recorder=events.append,
        )
        sessions.append(session)
        return Spell(session, events)

    yield spells
    for session in sessions:
        await session.close()


@pytest.fixture
def spell(spells: Callable[..., Spell]) -> Callable[..., Spell]:
    """Start a run whose only server is the one made by hand, with options and a budget."""

    def spell(tool_calls: int = 100, **options: Any) -> Spell:
        return spells({"raw": raw(**options)}, tool_calls=tool_calls)

    return spell


@pytest.fixture
def notes(spells: Callable[..., Spell]) -> Spell:
    """One run with the server made with the SDK, over stdio."""
    return spells({"notes": NOTES})


@pytest.fixture(scope="module")
def http_notes() -> Iterator[Callable[..., str]]:
    """Start the server made with the SDK over HTTP, once for each set of options; give its url."""
    urls: dict[tuple[str, ...], str] = {}
    with ExitStack() as stack:

        def start(*options: str) -> str:
            if options not in urls:
                command = [sys.executable, str(HERE / "notes_server.py"), "--http", *options]
                pipe = subprocess.PIPE
                process = stack.enter_context(subprocess.Popen(command, stdin=pipe, stdout=pipe))
                stack.callback(process.communicate)
                assert process.stdout is not None
                urls[options] = f"http://127.0.0.1:{int(process.stdout.readline())}/mcp"
            return urls[options]

        yield start
