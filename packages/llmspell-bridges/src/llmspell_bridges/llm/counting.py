"""Tokens counted with a model's tokenizer, as far as one is here."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_bridges.llm.request import TOKENS_PER_BLOB

if TYPE_CHECKING:
    from llmspell_bridges.llm.models import Model

_OPENAIS_TOKENIZER = ("azure", "openai")  # litellm takes it for every model without a public one
_AROUND = 8  # tokens around a text
_PIECE = 20_000  # tokenizers take quadratic time for one long word: longer texts go in pieces


def count_text(litellm: Any, model: Model, text: str) -> int:
    """Count a text's tokens; of a long text piece by piece, at most one more for each."""
    pieces = (text[i : i + _PIECE] for i in range(0, len(text), _PIECE))
    return sum(int(litellm.token_counter(model=model.name, text=piece)) for piece in pieces)


def count_messages(litellm: Any, model: Model, messages: list[dict[str, Any]]) -> int:
    """Count a conversation's tokens, its frame included; an image counts as a usual one."""
    total = 0
    short: list[dict[str, Any]] = []
    for message in messages:
        content = message.get("content")
        if isinstance(content, str) and len(content) > _PIECE:
            total += count_text(litellm, model, content)
            content = ""
        elif isinstance(content, list):
            texts = "\n".join(part["text"] for part in content if "text" in part)
            total += count_text(litellm, model, texts)
            # sounds and files are unknown to litellm's counter
            content = [part for part in content if part["type"] == "image_url"]
        short.append({**message, "content": content})
    # Without the default, litellm would fetch an image to measure it.
    counted: int = litellm.token_counter(
        model=model.name, messages=short, use_default_image_token_count=True
    )
    return total + counted


async def counted(litellm: Any, model: Model, arguments: dict[str, Any]) -> int:
    """Count all the text of a request, rather too much; blobs as estimates count them."""
    texts = list(arguments.get("input", ()))
    blobs = 0
    for message in arguments.get("messages", ()):
        content = message.get("content") or ""
        parts = [{"text": content}] if isinstance(content, str) else content
        texts += [part["text"] for part in parts if "text" in part]
        blobs += sum("text" not in part for part in parts)
        texts.append(_json({k: v for k, v in message.items() if k not in ("content", "role")}))
    texts += [_json(arguments[name]) for name in ("tools", "response_format") if name in arguments]
    margin = 1.1 if model.provider in _OPENAIS_TOKENIZER else 1.5
    tokens = await asyncio.to_thread(count_texts, litellm, model, texts)
    return int(tokens * margin) + _AROUND * (len(texts) + 1) + blobs * TOKENS_PER_BLOB


def count_texts(litellm: Any, model: Model, texts: list[str]) -> int:
    """Count the tokens of texts, each by itself."""
    return sum(count_text(litellm, model, text) for text in texts if text)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode() if value else ""
