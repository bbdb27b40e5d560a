"""A model's signed thinking, as litellm's blocks and as pydantic-ai's parts.

Anthropic wants the blocks of a turn back, unchanged, with the results of the tools it called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_ai.messages import ThinkingPart

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic_ai.messages import ModelResponsePart

_REDACTED = "redacted_thinking"


def thinking_parts(blocks: Any, text: str = "") -> Iterator[ThinkingPart]:
    """Read the blocks of an answer; where there are none, `text` is thinking without a signature."""
    known = [block for block in blocks if isinstance(block, dict)] if blocks else []
    for block in known:
        if block.get("type") == _REDACTED:
            yield ThinkingPart("", id=_REDACTED, signature=str(block.get("data") or ""))
        else:
            signature = block.get("signature")
            yield ThinkingPart(str(block.get("thinking") or ""), signature=signature or None)
    if text and not known:
        yield ThinkingPart(text)


def blocks_of(parts: Iterable[ModelResponsePart]) -> list[dict[str, Any]]:
    """Write the signed thinking of an answer as litellm's blocks."""
    return [
        {"type": _REDACTED, "data": part.signature}
        if part.id == _REDACTED
        else {"type": "thinking", "thinking": part.content, "signature": part.signature}
        for part in parts
        if isinstance(part, ThinkingPart) and part.signature
    ]
