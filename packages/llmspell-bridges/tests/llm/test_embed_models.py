"""Embeddings, and the list of models."""

from __future__ import annotations

from typing import Any

import pytest

from llmspell_core import PermissionDeniedError, Permissions, Session, ValidationError
from llmspell_core.dispatch import call

pytestmark = pytest.mark.anyio


async def test_one_text_has_one_embedding(ask: Any, mock: Any) -> None:
    """It is there by itself, and in the list."""
    answer = await ask("embed", "Hello", {"dimensions": 8})
    assert answer["embedding"] == answer["embeddings"][0]
    assert len(answer["embedding"]) == answer["dimensions"]
    assert answer["model"] == "openai/text-embedding-3-small"
    assert answer["usage"]["prompt_tokens"] > 0
    assert answer["cost_usd"] == 0
    assert mock.last_request.body["input"] == ["Hello"]


async def test_several_texts_have_one_each_in_order(ask: Any) -> None:
    """The same text has the same embedding, wherever it stands."""
    answer = await ask("embed", ["a", "b", "a"])
    assert len(answer["embeddings"]) == 3
    assert answer["embeddings"][0] == answer["embeddings"][2]
    assert "embedding" not in answer


@pytest.mark.parametrize("texts", [[], {}, "", ["a", ""]])
async def test_nothing_cannot_be_embedded(ask: Any, mock: Any, texts: Any) -> None:
    """The argument is named; nothing is sent."""
    with pytest.raises(ValidationError, match=r"bad argument `input` to `llm.embed`"):
        await ask("embed", texts)
    assert mock.requests == []


async def test_the_list_has_local_models_and_those_with_a_key(ask: Any) -> None:
    """And no others, unless a provider is named."""
    found = {record["name"]: record for record in await ask("models")}
    assert found["local/smollm2"]["available"] is True
    assert found["openai/gpt-4o"]["context_tokens"] > 100_000
    assert found["openai/gpt-4o"]["input_usd_per_million"] == pytest.approx(10)
    providers = {record["provider"] for record in found.values()}
    assert providers == {"local", "openai", "text-completion-openai"}, "one company, one key"


async def test_a_provider_without_a_key_is_listed_when_named(ask: Any) -> None:
    """Its models are marked as not available."""
    found = await ask("models", "anthropic")
    assert found
    assert not any(record["available"] for record in found)


async def test_embedding_models_are_a_list_of_their_own(ask: Any) -> None:
    """`mode` chooses it."""
    names = {record["name"] for record in await ask("models", {"mode": "embedding"})}
    assert {"local/minilm", "openai/text-embedding-3-small"} <= names
    assert "openai/gpt-4o" not in names


async def test_embedding_needs_the_model_to_be_permitted(bridge: Any, mock: Any) -> None:
    """As every call does."""
    session = Session(bridges={"llm": bridge}, permissions=Permissions(model=("local/*",)))
    with pytest.raises(PermissionDeniedError):
        await call(session, "llm", "embed", ["Hello"])
    assert mock.requests == []
