"""A provider that bills as dearly as one can: a token a byte, and every token it may write."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

INPUT_USD, OUTPUT_USD = 10e-6, 20e-6
PRICES = {"input_usd": 10, "output_usd": 20}
MOST = 4096


class Meter:
    """Speaks OpenAI's protocol; what it would charge for is in `billed_usd`.

    `usage` changes what it says of it; `hold` keeps answers back until that many were asked for;
    `fail` is the status of the next answers.
    """

    def __init__(self) -> None:
        self.address = ""
        self.bodies: list[dict[str, Any]] = []
        self.billed_usd = 0.0
        self.usage: dict[str, Any] | None = {}
        self.fail: list[int] = []
        self.silent = False
        self.pieces = 3
        self.pause_s = 0.0
        self.together = 1
        self.most_at_once = 0
        self.asked = asyncio.Event()
        self._now = 0
        self._enough = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        self.asked.set()
        try:
            if self._now >= self.together:
                self._enough.set()
            try:
                async with asyncio.timeout(0.2):
                    await self._enough.wait()
            except TimeoutError:
                pass  # no more of them are let through
            return await self._answer(request, body)
        finally:
            self._now -= 1

    async def _answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if self.fail:
            return web.json_response({"error": {"message": "No"}}, status=self.fail.pop(0))
        prompt = _bytes_of(body)
        answer = body.get("max_tokens", 0 if "input" in body else MOST)
        self.billed_usd += prompt * INPUT_USD + answer * OUTPUT_USD
        usage: dict[str, Any] = {
            "prompt_tokens": prompt,
            "completion_tokens": answer,
            "total_tokens": prompt + answer,
            **(self.usage or {}),
        }
        extra = {} if self.usage is None else {"usage": usage}
        if self.silent:
            await asyncio.sleep(30)
        if "input" in body:
            data = [{"embedding": [0.5, 0.5], "index": i} for i in range(len(body["input"]))]
            return web.json_response({"data": data, "model": "m", "object": "list", **extra})
        if body.get("stream"):
            return await self._stream(request, extra)
        message = {"role": "assistant", "content": "word " * 3}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return web.json_response({**_HEAD, "choices": [choice], **extra})

    async def _stream(self, request: web.Request, extra: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for _ in range(self.pieces):
            delta = {"index": 0, "delta": {"content": "word "}, "finish_reason": None}
            await _send(response, {**_HEAD, "choices": [delta]})
            await asyncio.sleep(self.pause_s)
        end = {"index": 0, "delta": {}, "finish_reason": "stop"}
        await _send(response, {**_HEAD, "choices": [end]})
        if extra:
            await _send(response, {**_HEAD, "choices": [], **extra})
        await response.write(b"data: [DONE]\n\n")
        return response


def _bytes_of(body: dict[str, Any]) -> int:
    """Count the bytes that somebody wrote, and a few tokens around each text."""
    texts = [message.get("content") or "" for message in body.get("messages", [])]
    texts += body.get("input", [])
    return sum(len(text.encode()) + 8 for text in texts) + 8


_HEAD = {"id": "c-1", "object": "chat.completion", "created": 1, "model": "gpt-4o"}


async def _send(response: web.StreamResponse, chunk: dict[str, Any]) -> None:
    chunk = {**chunk, "object": "chat.completion.chunk"}
    await response.write(f"data: {json.dumps(chunk)}\n\n".encode())


async def running() -> AsyncIterator[Meter]:
    """Serve until the generator is closed."""
    meter = Meter()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/{path:.*}", meter.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    meter.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield meter
    await runner.cleanup()
