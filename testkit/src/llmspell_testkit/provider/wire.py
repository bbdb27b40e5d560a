"""Replies as OpenAI's protocol writes them: bodies, pieces of streams, errors, vectors."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmspell_testkit.provider.reply import Reply

CHATS = ("/v1/chat/completions", "/v1/messages")
"""Where answers are asked for, in OpenAI's protocol and in Anthropic's."""
CREATED = 1_700_000_000
"""When every answer says it was made, in seconds of Unix time."""
_DIMENSIONS = 8


def completion(reply: Reply, request: dict[str, Any], number: int) -> dict[str, Any]:
    """Write an answer that is not streamed."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text}
    if reply.calls:
        message["tool_calls"] = _calls(reply, number)
    return {
        **_head(request, number, "chat.completion"),
        "choices": [{"index": 0, "message": message, "finish_reason": reply.ending}],
        "usage": _usage(reply, request),
    }


def chunks(reply: Reply, request: dict[str, Any], number: int) -> Iterator[dict[str, Any]]:
    """Write the pieces of a stream: a word each, then calls of tools, then how it ended."""
    head = _head(request, number, "chat.completion.chunk")

    def piece(delta: dict[str, Any], ending: str | None = None) -> dict[str, Any]:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": ending}]}

    for word in re.findall(r"\S*\s*", reply.text or ""):
        if word:
            yield piece({"role": "assistant", "content": word})
    if reply.calls:
        calls = [{"index": index, **call} for index, call in enumerate(_calls(reply, number))]
        yield piece({"role": "assistant", "tool_calls": calls})
    yield piece({}, reply.ending)
    if (request.get("stream_options") or {}).get("include_usage"):
        yield {**head, "choices": [], "usage": _usage(reply, request)}


def embeddings(reply: Reply, request: dict[str, Any]) -> dict[str, Any]:
    """Write vectors: the scripted ones, else for each text ones that depend on it alone."""
    given = request.get("input", "")
    texts = [given] if isinstance(given, str) else list(given)
    size = request.get("dimensions") or _DIMENSIONS
    rows = reply.vectors or [vector_of(str(text), size) for text in texts]
    tokens = sum(_tokens(str(text)) for text in texts)
    return {
        "object": "list",
        "model": request.get("model"),
        "data": [
            {"object": "embedding", "index": index, "embedding": row}
            for index, row in enumerate(rows)
        ],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def vector_of(text: str, size: int) -> list[float]:
    """Return numbers from 0 to 1 that depend on `text` alone."""
    digest = hashlib.shake_256(text.encode("utf-8", "replace")).digest(size)
    return [byte / 255 for byte in digest]


def failed(reply: Reply) -> dict[str, Any]:
    """Write a failure."""
    error = {"message": reply.message or "it failed", "type": "fake_error", "code": reply.status}
    return {"error": error}


def models(names: list[str]) -> dict[str, Any]:
    """Write the list of models."""
    rows = [{"id": n, "object": "model", "created": CREATED, "owned_by": "fake"} for n in names]
    return {"object": "list", "data": rows}


def _head(request: dict[str, Any], number: int, kind: str) -> dict[str, Any]:
    model = request.get("model")
    return {"id": f"fake-{number}", "object": kind, "created": CREATED, "model": model}


def _calls(reply: Reply, number: int) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call-{number}-{index}",
            "type": "function",
            # no spaces: as providers write them
            "function": {
                "name": call.name,
                "arguments": json.dumps(call.arguments, separators=(",", ":")),
            },
        }
        for index, call in enumerate(reply.calls)
    ]


def _usage(reply: Reply, request: dict[str, Any]) -> dict[str, int]:
    asked = sum(_tokens(str(message.get("content"))) for message in request.get("messages") or ())
    given = _tokens(reply.text or "") + sum(1 for _ in reply.calls)
    return {
        "prompt_tokens": asked,
        "completion_tokens": given,
        "total_tokens": asked + given,
    }


def _tokens(text: str) -> int:
    """Count words, at least one: every token count is above zero and repeats."""
    return max(1, len(text.split()))
