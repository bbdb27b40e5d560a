"""One run with the bridge `tools`, and functions that stand for the script's."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

# tests are imported by file, and share this one
sys.path.insert(0, str(Path(__file__).parents[1]))

from script_side import ScriptSide

from llmspell_bridges.tools import ToolsBridge
from llmspell_core import Budget, Ledger, Permissions, Session
from llmspell_core.dispatch import call

Ask = Callable[..., Awaitable[Any]]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio."""
    return "asyncio"


class Script(ScriptSide):
    """A run, seen from its script: functions by number, calls through dispatch."""

    async def ask(self, target: Any, method: str, *args: Any) -> Any:
        """Call a method of a bridge or a handle."""
        return await call(self.session, target, method, list(args))

    async def define(self, name: str, function: Callable[..., Any], **more: Any) -> Any:
        """Define a tool."""
        definition = {"name": name, "handler": self.function(function), **more}
        return await self.ask("tools", "define", definition)


@pytest.fixture
async def scripted() -> AsyncIterator[Callable[..., Script]]:
    """Start runs with grants and budgets of the test's own; closed after it."""
    sessions: list[Session] = []

    def scripted(*, tool: bool | tuple[str, ...] = False, **budget: Any) -> Script:
        session = Session(
            bridges={"tools": ToolsBridge({"loud": {"mark": "?"}})},
            permissions=Permissions(tool=tool),
            ledger=Ledger(Budget(**budget)),
        )
        sessions.append(session)
        return Script(session)

    yield scripted
    for session in sessions:
        await session.close()


@pytest.fixture
def script(scripted: Callable[..., Script]) -> Script:
    """One run, which was granted nothing."""
    return scripted()


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Install a distribution with tools: its entry points and the module they name."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(entry_points: str, module: str) -> None:
        info = tmp_path / "acme_tools-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-tools\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[llmspell.tools]\n{entry_points}\n")
        (tmp_path / "acme_tools.py").write_text(module)
        monkeypatch.delitem(sys.modules, "acme_tools", raising=False)

    return install
