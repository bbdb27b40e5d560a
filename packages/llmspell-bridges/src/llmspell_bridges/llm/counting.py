"""Tokens counted with a model's tokenizer, as far as one is here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmspell_bridges.llm.models import Model

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
