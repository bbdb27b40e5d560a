"""Replies as Anthropic's protocol writes them: messages, and the events of their streams."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmspell_testkit.provider.reply import Reply

PATH = "/v1/messages"
_ENDINGS = {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens"}


def message(reply: Reply, request: dict[str, Any], number: int) -> dict[str, Any]:
    """Write an answer that is not streamed."""
    content: list[dict[str, Any]] = []
    if reply.text is not None:
        content.append({"type": "text", "text": reply.text})
    for index, call in enumerate(reply.calls):
        id_ = f"toolu_{number}_{index}"
        content.append({"type": "tool_use", "id": id_, "name": call.name, "input": call.arguments})
    return {**_head(request, number), "content": content, **_tail(reply)}


def events(reply: Reply, request: dict[str, Any], number: int) -> Iterator[dict[str, Any]]:
    """Write the events of a stream of text, word by word; calls of tools come whole."""
    whole = message(reply, request, number)
    yield {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}}
    for index, block in enumerate(whole["content"]):
        text = block["type"] == "text"
        empty = {**block, "text": ""} if text else {**block, "input": {}}
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        words = re.findall(r"\S+\s*|\s+", block["text"]) if text else [json.dumps(block["input"])]
        for word in words:
            delta = (
                {"type": "text_delta", "text": word}
                if text
                else {"type": "input_json_delta", "partial_json": word}
            )
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {"type": "message_delta", "delta": _ending(reply), "usage": whole["usage"]}
    yield {"type": "message_stop"}


def failed(reply: Reply) -> dict[str, Any]:
    """Write a failure."""
    error = {"type": "api_error", "message": reply.message or "it failed"}
    return {"type": "error", "error": error}


def _head(request: dict[str, Any], number: int) -> dict[str, Any]:
    model = request.get("model")
    return {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": model}


def _tail(reply: Reply) -> dict[str, Any]:
    words = max(1, len((reply.text or "").split()))
    return {**_ending(reply), "usage": {"input_tokens": 1, "output_tokens": words}}


def _ending(reply: Reply) -> dict[str, Any]:
    return {"stop_reason": _ENDINGS.get(reply.ending, reply.ending), "stop_sequence": None}
