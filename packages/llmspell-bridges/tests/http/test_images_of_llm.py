"""Images that `llm` is given by address: whoever fetches them here keeps the rules of `http`."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from llmspell_bridges.llm import LlmBridge
from llmspell_bridges.llm.fetching import _FETCHES_ITSELF
from llmspell_core import (
    LlmspellError,
    PermissionDeniedError,
    Permissions,
    Session,
    ValidationError,
)
from llmspell_core.dispatch import call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from conftest import Server

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:Accessing the 'model_"),
    pytest.mark.filterwarnings("ignore:Items? '.*' on TypedDict class"),
]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
FETCHED = "iVBORw0KGgoAAAAAAAAAAA=="
GRANTED = Permissions(net=("app.test",))
MODELS = ("gemini/gemini-1.5-flash", "ollama/llava", "ollama_chat/llava")


class Provider:
    """Takes anything, and answers with nothing that makes sense to anybody."""

    def __init__(self) -> None:
        self.address = ""
        self.bodies: list[str] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.text())
        return web.json_response({"error": {"message": "No"}}, status=400)


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    """The provider of every model here."""
    provider = Provider()
    app = web.Application(client_max_size=1024 * 1024)
    app.router.add_route("*", "/{path:.*}", provider.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    provider.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield provider
    await runner.cleanup()


@pytest.fixture
async def bridge(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LlmBridge]:
    """The bridge, with every provider at one address."""
    monkeypatch.setenv("AZURE_API_VERSION", "2024-02-01")
    names = {*_FETCHES_ITSELF, *(model.partition("/")[0] for model in MODELS), "acme"}
    here = {"base_url": provider.address, "api_key": "sk-test-0123456789abcdef"}
    bridge = LlmBridge.from_settings({"providers": dict.fromkeys(names, here)})
    await bridge.open()
    yield bridge
    await bridge.close()


async def _ask(bridge: LlmBridge, model: str, url: str, granted: Permissions = GRANTED) -> str:
    """Ask about an image; return the error, which everything here ends with."""
    session = Session(bridges={"llm": bridge}, permissions=granted)
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image", "url": url}]
    request = {"messages": [{"role": "user", "content": parts}], "model": model}
    try:
        await call(session, "llm", "complete", [request])
    except (PermissionDeniedError, ValidationError):
        raise
    except LlmspellError as error:
        return error.message
    finally:
        await session.close()
    return ""


@pytest.fixture
def here(secure: Server, trusting: None, names: dict[str, list[str]]) -> Server:
    """An image at `app.test`, which is this machine."""
    names["app.test"] = names["127.0.0.1"] = ["127.0.0.1"]
    names["localhost"] = ["127.0.0.1"]
    secure.answer("/a.png", PNG)
    return secure


@pytest.mark.parametrize("model", MODELS)
async def test_an_image_is_fetched_by_our_rules(
    bridge: LlmBridge, provider: Provider, here: Server, model: str
) -> None:
    """The provider gets what is there, and litellm has nothing to fetch."""
    said = await _ask(bridge, model, here.url("/a.png", "app.test"))
    assert [seen.path for seen in here.seen] == ["/a.png"]
    assert here.seen[0].headers["user-agent"] == "llmspell"
    assert len(provider.bodies) == 1, said
    (body,) = provider.bodies
    assert FETCHED in body
    assert "app.test" not in body


@pytest.mark.parametrize("model", MODELS)
async def test_an_image_that_leads_elsewhere_needs_that_granted_too(
    bridge: LlmBridge, provider: Provider, here: Server, model: str
) -> None:
    """A redirect is checked before it is followed; nobody is asked about the image."""
    here.redirect("/b.png", "https://169.254.169.254/latest/meta-data/")
    with pytest.raises(PermissionDeniedError, match=r"169\.254\.169\.254"):
        await _ask(bridge, model, here.url("/b.png", "app.test"))
    assert provider.bodies == []


@pytest.mark.parametrize("model", ["gemini/gemini-1.5-flash", "openai/gpt-4o"])
async def test_an_image_by_address_needs_its_host_granted(
    bridge: LlmBridge, provider: Provider, here: Server, model: str
) -> None:
    """Whoever fetches it."""
    with pytest.raises(PermissionDeniedError, match=r"--allow-net=app\.test"):
        await _ask(bridge, model, here.url("/a.png", "app.test"), Permissions())
    assert provider.bodies == []
    assert here.seen == []


async def test_what_is_no_image_is_not_passed_on(
    bridge: LlmBridge, provider: Provider, here: Server, tmp_path: Path
) -> None:
    """A page, an error or somebody's file is not shown to a model as an image."""
    here.answer("/c.png", b"root:x:0:0:root:/root:/bin/bash")
    with pytest.raises(ValidationError, match="there is no image at"):
        await _ask(bridge, MODELS[0], here.url("/c.png", "app.test"))
    assert provider.bodies == []


@pytest.mark.parametrize("name", [*_FETCHES_ITSELF, "acme"])
async def test_an_address_that_is_passed_on_is_not_looked_up_here(
    bridge: LlmBridge, provider: Provider, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The provider fetches it from where it is; litellm fetches nothing from this machine."""
    looked_up: list[Any] = []
    real = socket.getaddrinfo

    def look_up(host: Any, *more: Any, **named: Any) -> Any:
        looked_up.append(host)
        if host in ("127.0.0.1", "localhost"):
            return real(host, *more, **named)
        raise socket.gaierror(socket.EAI_NONAME, "nobody knows")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    granted = Permissions(net=("img.example",))
    await _ask(bridge, f"{name}/gpt-4o", "https://img.example/a.png", granted)
    assert set(looked_up) <= {"127.0.0.1", b"127.0.0.1"}
    (body,) = provider.bodies
    assert "https://img.example/a.png" in json.dumps(json.loads(body))
