"""Tokens and their price, without a request."""

from __future__ import annotations

from typing import Any

import pytest

from llmspell_core import ModelNotFoundError, ValidationError

pytestmark = pytest.mark.anyio


async def test_a_text_has_the_models_own_number_of_tokens(ask: Any, mock: Any) -> None:
    """By name, by position, and for the default model; nothing is sent."""
    assert await ask("count_tokens", "The quick brown fox", "gpt-4") == 4
    assert await ask("count_tokens", {"text": "The quick brown fox"}) == 4
    assert await ask("count_tokens", "") == 0
    assert mock.requests == []


async def test_messages_count_with_their_frame(ask: Any, mock: Any) -> None:
    """An image counts as a usual one, and is not fetched to be measured."""
    text = {"role": "user", "content": "The quick brown fox"}
    alone = await ask("count_tokens", {"messages": [text], "model": "gpt-4o"})
    assert alone > 4
    image = {"type": "image", "url": "https://nowhere.invalid/a.png"}
    part = {"type": "text", "text": "The quick brown fox"}
    both = {"role": "user", "content": [part, image]}
    assert await ask("count_tokens", {"messages": [both], "model": "gpt-4o"}) > alone + 50


async def test_one_word_of_a_megabyte_is_counted_all_the_same(ask: Any) -> None:
    """A tokenizer would take minutes for it in one piece."""
    count = await ask("count_tokens", "a" * 1_000_000, "gpt-4o")
    assert 50_000 < count < 1_000_000


@pytest.mark.parametrize("given", [{}, {"text": "a", "messages": []}])
async def test_text_or_messages_must_be_given(ask: Any, given: dict[str, Any]) -> None:
    """One of them."""
    with pytest.raises(ValidationError, match="give `text` or `messages`"):
        await ask("count_tokens", given)


async def test_tokens_are_priced_by_model(ask: Any, mock: Any) -> None:
    """Given as numbers, or as an answer's usage; local ones are free, unknown ones have no price."""
    assert await ask("cost", "openai/gpt-4o", 1000, 100) == pytest.approx(0.012)
    answer = await ask("complete", "Hi")
    fields = answer.fields
    priced = await ask("cost", fields["model"], fields["usage"])
    assert priced == pytest.approx(fields["cost_usd"])
    assert await ask("cost", "claude-3-opus", 1_000_000) == pytest.approx(15)
    assert await ask("cost", "local/smollm2", 1000, 100) == 0
    assert await ask("cost", "anthropic/brand-new", 1000) is None
    assert len(mock.requests) == 1


async def test_a_wrong_count_is_named(ask: Any) -> None:
    """Negative ones, and a model that does not exist."""
    with pytest.raises(ValidationError, match="prompt_tokens"):
        await ask("cost", "gpt-4", -1)
    with pytest.raises(ModelNotFoundError):
        await ask("cost", "gpt-4x", 1)
