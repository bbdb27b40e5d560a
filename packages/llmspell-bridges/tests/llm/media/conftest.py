"""A small server of OpenAI's endpoints for images, sound, moderation, and Cohere's ranking."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from llmspell_core import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from llmspell_bridges.llm import LlmBridge

KEY = "sk-test-0123456789abcdef"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(28)


class Provider:
    """Answers with what a test put into `answers`; keeps what it was asked in `requests`."""

    def __init__(self) -> None:
        self.address = ""
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.fail_with: list[tuple[int, dict[str, str]]] = []
        self.silent = False
        self.asked = asyncio.Event()
        self.hung_up = asyncio.Event()
        self.answers: dict[str, Any] = {
            "images/generations": {"created": 1, "data": [{"url": "https://img.example/1.png"}]},
            "audio/speech": (b"ID3 a sound", "audio/mpeg"),
            "audio/transcriptions": {"text": "Hello there"},
            "moderations": {
                "id": "modr-1",
                "model": "omni-moderation-latest",
                "results": [
                    {
                        "flagged": True,
                        "categories": {"violence": True, "hate": False},
                        "category_scores": {"violence": 0.9, "hate": 0.1},
                        "category_applied_input_types": {},
                    }
                ],
            },
            "rerank": {
                "id": "r-1",
                "results": [
                    {"index": 1, "relevance_score": 0.9},
                    {"index": 0, "relevance_score": 0.2},
                ],
                "meta": {"billed_units": {"search_units": 1}},
            },
        }

    def image(self, *images: bytes) -> None:
        """Answer with these images as data."""
        data = [{"b64_json": b64encode(image).decode()} for image in images]
        self.answers["images/generations"] = {"created": 1, "data": data}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.partition("/v1/")[2] or request.path.rpartition("/")[2]
        self.requests.append((path, await _body(request)))
        self.asked.set()
        if self.silent:
            try:
                await asyncio.sleep(30)
            finally:
                self.hung_up.set()
        if self.fail_with:
            status, headers = self.fail_with.pop(0)
            return web.json_response({"error": {"message": "No"}}, status=status, headers=headers)
        answer = self.answers[path]
        if isinstance(answer, tuple):
            return web.Response(body=answer[0], content_type=answer[1])
        return web.json_response(answer)


async def _body(request: web.Request) -> dict[str, Any]:
    if request.content_type != "multipart/form-data":
        found: dict[str, Any] = await request.json()
        return found
    fields: dict[str, Any] = {}
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            with value.file as file:
                fields[name] = (value.filename, file.read(), value.content_type)
        else:
            fields[name] = value
    return fields


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    """The running server."""
    provider = Provider()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/{path:.*}", provider.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    provider.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield provider
    await runner.cleanup()


@pytest.fixture
def settings(provider: Provider) -> dict[str, Any]:
    """The host's settings: the server is both `openai` and `cohere`."""
    return {
        "providers": {
            "openai": {"base_url": f"{provider.address}/v1", "api_key": KEY},
            "cohere": {"base_url": provider.address, "api_key": KEY},
        }
    }


@pytest.fixture
def sold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the server's models cost what litellm says, though it is on this machine."""
    monkeypatch.setattr("llmspell_bridges.llm.cost.served_from_loopback", lambda *_: False)


@pytest.fixture
def spend(bridge: LlmBridge) -> Callable[..., Session]:
    """Make a session of the open bridge with a ledger of its own."""

    def spend(**options: Any) -> Session:
        return Session(bridges={"llm": bridge}, **options)

    return spend


@pytest.fixture
def png() -> bytes:
    """The beginning of an image."""
    return PNG


@pytest.fixture
def wav() -> bytes:
    """The beginning of a sound."""
    return WAV
