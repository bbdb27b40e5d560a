"""An LLM provider that answers at once: OpenAI's chat completions, whole and streamed.

Run it as ``python -m benchmarks.fake_server``; it prints its base URL. It parses no more than it
must: what it costs is a part of every figure.
"""

from __future__ import annotations

import asyncio
import json

_USAGE = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
_ID = {"id": "chatcmpl-1", "created": 1700000000, "model": "gpt-4o-mini"}
_ANSWER = {
    **_ID,
    "object": "chat.completion",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "hello"},
            "finish_reason": "stop",
        }
    ],
    "usage": _USAGE,
}


def _piece(delta: dict[str, str], finish_reason: str | None, **more: object) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    data = {**_ID, "object": "chat.completion.chunk", "choices": [choice], **more}
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def _response(kind: bytes, body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n"
    return head % (kind, len(body)) + body


WHOLE = _response(b"application/json", json.dumps(_ANSWER).encode())
STREAMED = _response(
    b"text/event-stream",
    _piece({"role": "assistant", "content": ""}, None)
    + _piece({"content": "hello"}, None)
    + _piece({}, "stop", usage=_USAGE)
    + b"data: [DONE]\n\n",
)


def _counting(number: int) -> bytes:
    """Answer with a call of the tool `count`, which makes the agent of a benchmark go on."""
    function = {"name": "count", "arguments": json.dumps({"n": number})}
    call = {"id": f"call_{number}", "type": "function", "function": function}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    body = {**_ANSWER, "choices": [choice]}
    return _response(b"application/json", json.dumps(body).encode())


COUNTING = [_counting(number) for number in range(10)]


class Provider(asyncio.Protocol):
    """One connection, kept alive."""

    def __init__(self) -> None:
        """Nothing was received yet."""
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to answer."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - it is a TCP connection
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            size = end + 4 + _length(self._received[:end].lower())
            if len(self._received) < size:
                return
            request, self._received = self._received[:size], self._received[size:]
            compact = request[end:].replace(b" ", b"")
            self._transport.write(_answer(compact))


def _answer(body: bytes) -> bytes:
    if b'"stream":true' in body:
        return STREAMED
    told = body.count(b'"role":"tool"')
    return COUNTING[told] if b'"tools":[' in body and told < len(COUNTING) else WHOLE


def _length(head: bytes) -> int:
    _, found, rest = head.partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


async def main() -> None:
    """Serve on a free port until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Provider, "127.0.0.1", 0, backlog=2048)
    port = server.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}/v1", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
