"""Workflows in a run of their own: builders as a script sends them, functions for the script's."""

from __future__ import annotations

import asyncio
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
    from collections.abc import AsyncIterator, Awaitable, Callable


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


class Silent:
    """A provider that takes requests and answers none; it counts those that are given up."""

    def __init__(self) -> None:
        """Wait for the first."""
        self.asked = 0
        self.left = 0
        self._changed = asyncio.Condition()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request, and wait until its connection is closed."""
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        async with self._changed:
            self._changed.notify_all()
        while await reader.read(65536):
            pass
        self.left += 1
        async with self._changed:
            self._changed.notify_all()
        writer.close()

    async def until(self, *, asked: int = 0, left: int = 0) -> None:
        """Wait until so many have come, or were given up."""
        try:
            async with asyncio.timeout(20), self._changed:
                await self._changed.wait_for(lambda: self.asked >= asked and self.left >= left)
        except TimeoutError:
            raise AssertionError(f"{self.asked} asked, {self.left} given up") from None


@pytest.fixture
async def silent() -> AsyncIterator[Silent]:
    """A provider that never answers."""
    made = Silent()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    yield made
    server.close()


@pytest.fixture
async def llms() -> AsyncIterator[Callable[[str], Awaitable[LlmBridge]]]:
    """Open bridges whose provider `openai` is somewhere; closed after the test."""
    opened: list[LlmBridge] = []

    async def llms(url: str) -> LlmBridge:
        provider = {"base_url": url, "api_key": "sk-not-a-key"}
        settings = {"default_model": "openai/gpt-4o", "providers": {"openai": provider}}
        opened.append(LlmBridge.from_settings(settings))
        await opened[-1].open()
        return opened[-1]

    yield llms
    for llm in opened:
        await llm.close()


@pytest.fixture
async def labs(
    llms: Any, mock: LLMock, place: Path, tmp_path: Path
) -> AsyncIterator[Callable[..., Lab]]:
    """Start runs with grants, budgets and settings of the test's own; closed after it."""
    usual = await llms(mock.base_url())
    sessions: list[Session] = []

    def labs(
        *, llm: LlmBridge = usual, permissions: Permissions | None = None, **settings: Any
    ) -> Lab:
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


@pytest.fixture
async def quiet_lab(labs: Callable[..., Lab], llms: Any, silent: Silent) -> Lab:
    """A run whose models never answer."""
    return labs(llm=await llms(silent.url))


@pytest.fixture
def lab(labs: Callable[..., Lab]) -> Lab:
    """One run with the usual budget."""
    return labs()
