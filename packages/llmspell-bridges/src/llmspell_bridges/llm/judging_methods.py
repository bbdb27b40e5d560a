"""The methods of `llm` that judge and count: moderation, ranking, tokens, cost."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from msgspec import Meta

from llmspell_bridges.llm import judging
from llmspell_bridges.llm.base import LlmBase
from llmspell_bridges.llm.cost import price_of, spent_usd
from llmspell_bridges.llm.counting import count_messages, count_text
from llmspell_bridges.llm.importing import litellm_ready
from llmspell_bridges.llm.models import resolve
from llmspell_bridges.llm.params import (
    Cache,
    Fallbacks,
    Messages,
    ModelName,
    ProviderName,
    Retry,
    Timeout,
)
from llmspell_bridges.llm.request import arguments
from llmspell_bridges.llm.serving import Wishes
from llmspell_bridges.llm.types import Request
from llmspell_core import CallContext, ValidationError, method

_MODERATION_MODEL = "openai/omni-moderation-latest"
_MOST_DOCUMENTS = 1000
Count = Annotated[int, Meta(ge=0, le=2**53)]


class JudgingMethods(LlmBase):
    """Moderation, ranking, tokens, cost."""

    @method(
        effects=("model",),
        example={"text": "I will find you."},
        returns="`flagged`, and by category `categories` (yes or no) and `scores` (0 to 1)",
    )
    async def moderation(
        self,
        text: Annotated[Annotated[str, Meta(min_length=1)], "What to judge"],
        *,
        model: ModelName = None,
        provider: ProviderName = None,
        fallbacks: Fallbacks = None,
        retry: Retry = None,
        cache: Cache = None,
        timeout_s: Timeout = None,
        ctx: CallContext,
    ) -> dict[str, Any]:
        """Say whether a text is harmful, and in which way."""
        wishes = Wishes(
            model=model,
            provider=provider,
            fallbacks=fallbacks,
            retry=retry,
            cache=cache,
            timeout_s=timeout_s,
        )
        request = judging.moderation(self.settings, str(text))
        return await self._flat(ctx, wishes, request, default=_MODERATION_MODEL)

    @method(
        effects=("model",),
        example={"query": "night birds", "documents": ["owls"], "model": "cohere/rerank-v3.5"},
        returns="`results`, the best first: `index` (from 0), `relevance_score`, `document`",
    )
    async def rerank(
        self,
        query: Annotated[Annotated[str, Meta(min_length=1)], "What is looked for"],
        documents: Annotated[
            Annotated[list[str], Meta(min_length=1, max_length=_MOST_DOCUMENTS)], "The texts"
        ],
        *,
        top: Annotated[Annotated[int, Meta(ge=1)] | None, "Return only the best of them"] = None,
        model: ModelName = None,
        provider: ProviderName = None,
        fallbacks: Fallbacks = None,
        retry: Retry = None,
        cache: Cache = None,
        timeout_s: Timeout = None,
        ctx: CallContext,
    ) -> dict[str, Any]:
        """Sort documents by how well they answer a query."""
        given: dict[str, Any] = {
            "query": str(query),
            "documents": [str(document) for document in documents],
            "return_documents": False,
        }
        if top is not None:
            given["top_n"] = top
        wishes = Wishes(
            model=model,
            provider=provider,
            fallbacks=fallbacks,
            retry=retry,
            cache=cache,
            timeout_s=timeout_s,
        )
        return await self._flat(ctx, wishes, judging.rerank(self.settings, given))

    @method(
        example={"text": "The quick brown fox"},
        returns="The number of tokens; an estimate for models whose tokenizer is not public",
    )
    async def count_tokens(
        self,
        text: Annotated[str | None, "What to count"] = None,
        model: ModelName = None,
        *,
        messages: Messages = None,
        provider: ProviderName = None,
        ctx: CallContext,
    ) -> int:
        """Count the tokens of a text or of messages, as a model does; nothing is sent."""
        if (text is None) == (messages is None):
            what = "bad argument `text` to `llm.count_tokens`: give `text` or `messages`"
            raise ValidationError(what, argument="text")
        litellm = await litellm_ready()
        name = self.default_model(ctx) if model is None else model
        found = resolve(litellm, self.settings, name, provider)
        if text is not None:
            return await asyncio.to_thread(count_text, litellm, found, str(text))
        request = Request(where=ctx.where, messages=messages)
        built = arguments(request, lambda _, __: None)["messages"]
        return await asyncio.to_thread(count_messages, litellm, found, built)

    @method(
        example={"model": "gpt-4", "prompt_tokens": 1000, "completion_tokens": 200},
        returns="US dollars; nothing where the price is not known",
    )
    async def cost(
        self,
        model: Annotated[str, "`provider/model`, an alias, or an answer's `model`"],
        prompt_tokens: Annotated[Count, "Or an answer's `usage`"] = 0,
        completion_tokens: Count = 0,
        *,
        total_tokens: Annotated[Count | None, "Only so that `usage` can be given whole"] = None,
        provider: ProviderName = None,
    ) -> float | None:
        """Price that many tokens of a model; nothing is sent."""
        if total_tokens is not None and total_tokens < prompt_tokens + completion_tokens:
            what = "bad argument `total_tokens` to `llm.cost`: it is less than its parts"
            raise ValidationError(what, argument="total_tokens")
        litellm = await litellm_ready()
        found = resolve(litellm, self.settings, model, provider)
        price = price_of(litellm, self.settings, found)
        usage = litellm.Usage(
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            total_tokens=prompt_tokens + completion_tokens,
        )
        return spent_usd(litellm, found, price, usage)
