"""Real HTTP through the real litellm, against a server that can misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from llmock.pytest_plugin import LLMock

from llmspell_bridges.llm import LlmBridge
from llmspell_core import Session, TextRecord
from llmspell_core.dispatch import call

KEY = "sk-test-0123456789abcdef"
Ask = Callable[..., Awaitable[Any]]


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


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the machine's own keys and addresses away."""
    for name in ("OPENAI", "ANTHROPIC", "GEMINI", "GOOGLE"):
        for suffix in ("API_KEY", "BASE_URL", "API_BASE"):
            monkeypatch.delenv(f"{name}_{suffix}", raising=False)


@pytest.fixture
def mock(llmock_server: Any) -> LLMock:
    """The server, with nothing left of the test before."""
    return LLMock(llmock_server).reset()


@pytest.fixture
def settings(mock: LLMock) -> dict[str, Any]:
    """The host's settings: the server is `openai`, at the price of 10 and 20 USD a million."""
    return {
        "default_model": "openai/gpt-4o",
        "default_embedding_model": "openai/text-embedding-3-small",
        "providers": {"openai": {"base_url": mock.base_url(), "api_key": KEY}},
        "prices": {"openai/gpt-4o": {"input_usd": 10, "output_usd": 20}},
    }


@pytest.fixture
async def bridge(settings: dict[str, Any]) -> AsyncIterator[LlmBridge]:
    """An open bridge, closed after the test."""
    bridge = LlmBridge.from_settings(settings)
    await bridge.open()
    yield bridge
    await bridge.close()


@pytest.fixture
async def opened() -> AsyncIterator[Callable[[dict[str, Any]], Awaitable[Session]]]:
    """Open bridges with settings of the test's own, and close them after it."""
    bridges: list[LlmBridge] = []

    async def opened(settings: dict[str, Any]) -> Session:
        bridges.append(LlmBridge.from_settings(settings))
        await bridges[-1].open()
        return Session(bridges={"llm": bridges[-1]})

    yield opened
    for bridge in bridges:
        await bridge.close()


@pytest.fixture
async def session(bridge: LlmBridge) -> AsyncIterator[Session]:
    """One run with the bridge."""
    session = Session(bridges={"llm": bridge})
    yield session
    await session.close()


@pytest.fixture
def ask(session: Session) -> Ask:
    """Call a method of the bridge as a script does."""

    async def ask(method: str, *args: Any) -> Any:
        return await call(session, "llm", method, list(args))

    return ask


@pytest.fixture
def pull(session: Session) -> Ask:
    """Read a stream to its end, as a script does."""

    async def pull(*args: Any) -> list[TextRecord]:
        handle = await call(session, "llm", "stream", list(args))
        items: list[TextRecord] = []
        while True:
            batch: Any = await call(session, handle.id, "next", [64])
            items += batch["items"]
            if batch["done"]:
                return items

    return pull


@pytest.fixture
async def raw_server() -> AsyncIterator[Callable[[bytes], Awaitable[str]]]:
    """Answer every request with exactly these bytes, then hang up."""
    servers: list[asyncio.Server] = []

    async def serve(answer: bytes) -> str:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"

    yield serve
    for server in servers:
        server.close()
        await server.wait_closed()
