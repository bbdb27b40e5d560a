"""A provider that speaks OpenAI's protocol, remembers all it was sent, and can tell it to everybody."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8)).decode()


class Seen:
    """One request: its path with the query, its headers in lower case, its body."""

    def __init__(self, request: web.Request, body: Any) -> None:
        self.path = request.path_qs
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        self.body = body


ECHOES = ("body", "error", "headers", "redirect", "chunks", "broken")
"""Ways to tell the key that a request came with."""


class Server:
    """Answers every endpoint that `llm` calls; `echo` says how an answer tells the key it got.

    Without, a model called ``echo-WAY`` does. A redirect leads to the server at `elsewhere`.
    """

    def __init__(self) -> None:
        self.address = ""
        self.seen: list[Seen] = []
        self.echo = ""
        self.elsewhere = ""
        self.failed: list[str] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._handle(request)
        except (KeyError, TypeError, ValueError) as error:  # a mistake of this server's
            self.failed.append(repr(error))
            raise

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        seen = Seen(request, await _body(request))
        self.seen.append(seen)
        model = str(seen.body.get("model")) if isinstance(seen.body, dict) else ""
        echo = self.echo or model.rpartition("echo-")[2]
        told = _told(seen) if echo in ECHOES else ""
        headers = _headers(told) if told else {}
        if echo == "error":
            error = {"message": f"Incorrect API key provided: {told}", "code": told, "type": told}
            return web.json_response({"error": error}, status=401, headers=headers)
        if echo == "broken":
            return web.Response(text=f"<html>{told}", content_type="application/json")
        if echo == "redirect":
            place = f"{self.elsewhere or self.address}/elsewhere?key={quote(told)}"
            return web.Response(status=302, headers={"Location": place, **headers})
        text = f"It is {told}" if told and echo != "headers" else "Hello there"
        path = request.path.partition("/v1/")[2]
        if isinstance(seen.body, dict) and seen.body.get("stream"):
            return await self._stream(request, text, 3 if echo == "chunks" else len(text))
        if path == "audio/speech":
            return web.Response(body=b"ID3" + text.encode(), content_type="audio/mpeg")
        return web.json_response(_answer(path, seen.body, text), headers=headers)

    async def _stream(self, request: web.Request, text: str, size: int) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for start in range(0, len(text), size):
            delta = {"index": 0, "delta": {"content": text[start : start + size]}}
            await _send(response, {"choices": [{**delta, "finish_reason": None}]})
        end = {"index": 0, "delta": {}, "finish_reason": "stop"}
        await _send(response, {"choices": [end]})
        await _send(response, {"choices": [], "usage": _USAGE})
        await response.write(b"data: [DONE]\n\n")
        return response


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    """Serve on a port of its own."""
    server = Server()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


@contextmanager
def serving_in_a_thread() -> Iterator[Server]:
    """Serve while the test waits for a process."""
    started, over = threading.Event(), asyncio.Event()
    found: list[tuple[Server, asyncio.AbstractEventLoop]] = []

    async def serve() -> None:
        async with serving() as server:
            found.append((server, asyncio.get_running_loop()))
            started.set()
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), name="provider")
    thread.start()
    started.wait(20)
    server, loop = found[0]
    yield server
    loop.call_soon_threadsafe(over.set)
    thread.join(20)


_USAGE = {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}
_HEAD = {"id": "c-1", "created": 1, "model": "gpt-4o"}


def _answer(path: str, body: Any, text: str) -> dict[str, Any]:
    if path == "chat/completions":
        call = {"id": "1", "type": "function", "function": {"name": text, "arguments": "{}"}}
        message = {"role": "assistant", "content": text, "reasoning_content": text}
        message["tool_calls"] = [call] if body.get("tools") else None
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {**_HEAD, "object": "chat.completion", "choices": [choice], "usage": _USAGE}
    if path == "embeddings":
        data = [{"embedding": [0.5, 0.25], "index": i} for i, _ in enumerate(body["input"])]
        return {"object": "list", "model": text, "data": data, "usage": _USAGE}
    if path == "images/generations":
        return {"created": 1, "data": [{"b64_json": PNG, "revised_prompt": text}]}
    if path == "moderations":
        result = {"flagged": True, "categories": {text: True}, "category_scores": {text: 0.5}}
        result["category_applied_input_types"] = {}
        return {"id": text, "model": text, "results": [result]}
    if path == "audio/transcriptions":
        return {"text": text}
    return {"id": text, "results": [{"index": 0, "relevance_score": 0.5}], "meta": {}}


async def _send(response: web.StreamResponse, chunk: dict[str, Any]) -> None:
    whole = {**_HEAD, "object": "chat.completion.chunk", **chunk}
    await response.write(f"data: {json.dumps(whole)}\n\n".encode())


async def _body(request: web.Request) -> Any:
    if request.content_type == "application/json" and request.can_read_body:
        return await request.json()
    if request.content_type == "multipart/form-data":
        return {name: str(value)[:100] for name, value in (await request.post()).items()}
    return await request.text()


def _told(seen: Seen) -> str:
    """Tell the key in every form that people write it in."""
    given = seen.headers.get("authorization") or f"Bearer {seen.headers.get('x-api-key', '')}"
    key = given.partition(" ")[2]
    coded = base64.b64encode(f"user:{key}".encode()).decode()
    return f"{key} {given} {quote(key, safe='')} {json.dumps(key)} {coded}"


def _headers(told: str) -> dict[str, str]:
    return {"X-Echo": told, "X-Request-Id": told, "Retry-After": "0", "Set-Cookie": f"k={told}"}
