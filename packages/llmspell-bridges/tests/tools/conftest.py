"""One run with the bridge `tools`, and functions that stand for the script's."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_bridges.tools import ToolsBridge
from llmspell_core import Budget, Ledger, Permissions, Session
from llmspell_core.dispatch import call
from llmspell_core.values import CallbackRef

if TYPE_CHECKING:
    from pathlib import Path

Ask = Callable[..., Awaitable[Any]]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio."""
    return "asyncio"


class Script:
    """A run, seen from its script: functions by number, calls through dispatch."""

    def __init__(self, session: Session) -> None:
        """Let the session call the functions that `function` numbers."""
        self.session = session
        self.called: list[Any] = []
        self._functions: list[Callable[..., Any]] = []
        session.invoker = self._invoke

    def function(self, function: Callable[..., Any]) -> CallbackRef:
        """Number a function; what it is called with is kept in `called`."""
        self._functions.append(function)
        return CallbackRef(len(self._functions), "f")

    async def _invoke(self, number: int, args: Any) -> Any:
        self.called.append(args[0])
        answer = self._functions[number - 1](*args)
        return await answer if hasattr(answer, "__await__") else answer

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
