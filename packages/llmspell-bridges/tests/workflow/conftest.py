"""Workflows in a run of their own: builders as a script sends them, functions for the script's."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from llmock.pytest_plugin import LLMock

# tests are imported by file, and share this one
sys.path.insert(0, str(Path(__file__).parents[1]))

from script_side import ScriptSide

from llmspell_bridges.llm import LlmBridge
from llmspell_bridges.tools import ToolsBridge
from llmspell_bridges.workflow import WorkflowBridge
from llmspell_core import Budget, Ledger, Permissions, Session
from llmspell_core.dispatch import call
from llmspell_core.values import BuilderRef

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let litellm warn about its own use of pydantic: nothing of ours is behind it."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.filterwarnings("ignore:Accessing the 'model_"))
            item.add_marker(pytest.mark.filterwarnings("ignore:Items? '.*' on TypedDict class"))


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run the tests of a module on one asyncio loop: litellm keeps its clients by loop."""
    return "asyncio"


class Lab(ScriptSide):
    """A run, seen from its script."""

    def flow(self, kind: str, *steps: dict[str, Any], **options: Any) -> BuilderRef:
        """Put a workflow together; Python functions stand for the script's."""
        made = [{key: self._given(value) for key, value in step.items()} for step in steps]
        given = {key: self._given(value) for key, value in options.items()}
        arguments = {"name": "flow", **given}
        return BuilderRef("workflow", kind, [arguments], [("add_step", [step]) for step in made])

    def _given(self, value: Any) -> Any:
        return self.function(value) if callable(value) else value

    async def ask(self, flow: BuilderRef, method: str, *args: Any) -> Any:
        """Call a method of a workflow."""
        return await call(self.session, "workflow", f"{flow.builder}.{method}", [flow, *args])

    async def run(self, flow: BuilderRef, inputs: Any = None) -> dict[str, Any]:
        """Run a workflow to its end."""
        found: dict[str, Any] = await self.ask(flow, "run", inputs or {})
        return found

    async def agent(self, **options: Any) -> Any:
        """Make an agent; the answer is its handle."""
        return await call(self.session, "llm", "agent", [options])


@pytest.fixture
def mock(llmock_server: Any) -> LLMock:
    """The server, with nothing left of the test before."""
    return LLMock(llmock_server).reset()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where checkpoints are kept."""
    return tmp_path / "state" / "checkpoints.sqlite"


@pytest.fixture
async def labs(mock: LLMock, place: Path, tmp_path: Path) -> AsyncIterator[Callable[..., Lab]]:
    """Start runs with grants, budgets and settings of the test's own; closed after it."""
    llm = LlmBridge.from_settings(
        {
            "default_model": "openai/gpt-4o",
            "providers": {"openai": {"base_url": mock.base_url(), "api_key": "sk-not-a-key"}},
        }
    )
    await llm.open()
    sessions: list[Session] = []

    def labs(*, permissions: Permissions | None = None, **settings: Any) -> Lab:
        workflow = WorkflowBridge.from_settings({"checkpoints": str(place), **settings})
        session = Session(
            bridges={"llm": llm, "tools": ToolsBridge(), "workflow": workflow},
            permissions=permissions,
            ledger=Ledger(Budget(llm_calls=20)),
            settings={"fs": {"root": str(tmp_path)}},
        )
        sessions.append(session)
        return Lab(session)

    yield labs
    for session in sessions:
        await session.close()
    await llm.close()


@pytest.fixture
def lab(labs: Callable[..., Lab]) -> Lab:
    """One run with the usual budget."""
    return labs()
