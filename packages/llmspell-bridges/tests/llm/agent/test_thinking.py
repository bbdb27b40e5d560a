"""A model's signed thinking goes back to it with the results of the tools it called."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio
MODEL = "anthropic/claude-sonnet-4-20250514"
SIGNED = {"type": "thinking", "thinking": "I have to look.", "signature": "c2lnbmVk"}
HIDDEN = {"type": "redacted_thinking", "data": "aGlkZGVu"}
CALL = {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Paris"}}
USAGE = {"input_tokens": 5, "output_tokens": 7}
ANSWERS = (
    [SIGNED, HIDDEN, CALL],
    [{"type": "text", "text": "Sunny."}],
    [{"type": "text", "text": "Yes."}],
)


class Anthropic:
    """Answers in Anthropic's words, whole or as a stream, and keeps what it was sent."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.port = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        size = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        body = json.loads(await reader.readexactly(size))
        content = ANSWERS[len(self.bodies)]
        self.bodies.append(body)
        if body.get("stream"):
            kind, answer = "text/event-stream", "".join(self._events(content))
        else:
            kind, answer = "application/json", json.dumps(self._message(content))
        writer.write(
            f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n"
            f"content-length: {len(answer)}\r\n\r\n{answer}".encode()
        )
        await writer.drain()
        writer.close()

    def _message(self, content: list[Any]) -> dict[str, Any]:
        reason = "tool_use" if CALL in content else "end_turn"
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-20250514",
            "content": content,
            "stop_reason": reason,
            "usage": USAGE,
        }

    def _events(self, content: list[Any]) -> Any:
        message = self._message([])
        yield self._event("message_start", message={**message, "stop_reason": None})
        for index, block in enumerate(content):
            begun, deltas = self._streamed(block)
            yield self._event("content_block_start", index=index, content_block=begun)
            for delta in deltas:
                yield self._event("content_block_delta", index=index, delta=delta)
            yield self._event("content_block_stop", index=index)
        reason = "tool_use" if CALL in content else "end_turn"
        yield self._event("message_delta", delta={"stop_reason": reason}, usage=USAGE)
        yield self._event("message_stop")

    def _streamed(self, block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        if block["type"] == "thinking":
            first, second = block["thinking"][:6], block["thinking"][6:]
            return {**block, "thinking": "", "signature": ""}, [
                {"type": "thinking_delta", "thinking": first},
                {"type": "thinking_delta", "thinking": second},
                {"type": "signature_delta", "signature": block["signature"]},
            ]
        if block["type"] == "tool_use":
            text = json.dumps(block["input"])
            return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": text}]
        if block["type"] == "text":
            return {**block, "text": ""}, [{"type": "text_delta", "text": block["text"]}]
        return block, []

    @staticmethod
    def _event(name: str, **fields: Any) -> str:
        return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n"


@pytest.fixture
async def anthropic() -> AsyncIterator[Anthropic]:
    """Serve on this machine."""
    serving = Anthropic()
    server = await asyncio.start_server(serving.handle, "127.0.0.1", 0)
    serving.port = server.sockets[0].getsockname()[1]
    yield serving
    server.close()
    await server.wait_closed()


@pytest.fixture
def settings(settings: dict[str, Any], anthropic: Any) -> dict[str, Any]:
    """Make the provider `anthropic` that server."""
    there = {"base_url": f"http://127.0.0.1:{anthropic.port}", "api_key": "sk-ant-x"}
    return {**settings, "providers": {"anthropic": there}}


@pytest.mark.parametrize("streaming", [False, True])
async def test_thinking_goes_back_signed(lab: Any, anthropic: Any, *, streaming: bool) -> None:
    """Unchanged, before the call it led to; also after it was saved as JSON."""
    agent = await lab.agent(model=MODEL, tools=[lab.weather()], reasoning_effort="low")
    if streaming:
        end = (await lab.pull(agent, "Weather?", {"context": {}}))[-1]
    else:
        end = await lab.ask(agent, "run", "Weather?", {"context": {}})
    assert end.fields["message"]["content"] == "Sunny."
    _, asked, told = anthropic.bodies[1]["messages"]
    assert asked["content"] == [SIGNED, HIDDEN, CALL]
    assert told["content"][0]["tool_use_id"] == "t1"
    saved = json.loads(json.dumps(end.fields["context"]))
    await lab.ask(agent, "run", "Sure?", {"context": saved})
    assert anthropic.bodies[2]["messages"][1] == asked
