"""Moderation and ranking as litellm's calls, and its answers as records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmspell_bridges.llm.clients import asking_once
from llmspell_bridges.llm.flat import FlatRequest, bad
from llmspell_bridges.llm.prices import most_usd
from llmspell_bridges.llm.request import text_tokens

if TYPE_CHECKING:
    from llmspell_bridges.llm.call import ModelCall
    from llmspell_bridges.llm.settings import Settings

_TEXT_AT_MOST = 3.0  # a token a byte, where the estimate takes three bytes for one
_DOCUMENTS_PER_QUERY = 100  # more of them are billed as another query


def moderation(settings: Settings, text: str) -> FlatRequest:
    """Prepare the judging of a text."""
    tokens = text_tokens(text)
    return FlatRequest(
        send=_moderate,
        take=_moderation,
        estimate=lambda call: most_usd(call.litellm, settings, call.model, tokens, {}),
        facts={"call_type": "amoderation", "prompt": text},
        arguments={"input": text},
        tokens=tokens,
        at_most=_TEXT_AT_MOST,
    )


def rerank(settings: Settings, arguments: dict[str, Any]) -> FlatRequest:
    """Prepare the ranking of documents."""
    documents = arguments["documents"]
    tokens = text_tokens(arguments["query"]) * len(documents) + sum(map(text_tokens, documents))
    queries = -(-len(documents) // _DOCUMENTS_PER_QUERY)
    quantities = {"input_cost_per_query": queries}

    def take(response: Any, call: ModelCall) -> dict[str, Any]:
        return _ranking(response, call, documents)

    return FlatRequest(
        send=lambda call, given: call.litellm.arerank(**call.connection, **given),
        take=take,
        estimate=lambda call: most_usd(call.litellm, settings, call.model, tokens, quantities),
        facts={"call_type": "arerank"},
        arguments=arguments,
        tokens=tokens,
        at_most=_TEXT_AT_MOST,
    )


async def _moderate(call: ModelCall, arguments: dict[str, Any]) -> Any:
    connection = dict(call.connection)
    model = connection.pop("model")
    if not model.startswith("openai/"):
        return await call.litellm.amoderation(model=model, **connection, **arguments)
    async with asking_once(connection) as client:
        return await call.litellm.amoderation(
            model=call.model.model, custom_llm_provider="openai", client=client, **arguments
        )


def _moderation(response: Any, call: ModelCall) -> dict[str, Any]:
    if not response.results:
        raise bad(call, "no result")
    result = response.results[0]
    return {
        "flagged": bool(result.flagged),
        "categories": _plain(result.categories),
        "scores": _plain(result.category_scores),
    }


def _plain(record: Any) -> dict[str, Any]:
    given = record if isinstance(record, dict) else record.model_dump()
    return {name: value for name, value in given.items() if value is not None}


def _ranking(response: Any, call: ModelCall, documents: list[str]) -> dict[str, Any]:
    results: list[dict[str, Any]] = []
    for item in response.results or []:
        index = item["index"]
        if not isinstance(index, int) or not 0 <= index < len(documents):
            raise bad(call, f"the document {index!r}, which was not sent")
        score = float(item["relevance_score"])
        results.append({"index": index, "relevance_score": score, "document": documents[index]})
    if not results:
        raise bad(call, "no results")
    return {"results": results}
