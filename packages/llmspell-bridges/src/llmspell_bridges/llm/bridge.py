"""The bridge `llm`: what a spell asks of language models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta

from llmspell_bridges.llm.agent_methods import AgentMethods
from llmspell_bridges.llm.answer import embedding_record
from llmspell_bridges.llm.catalogue import listing
from llmspell_bridges.llm.importing import litellm_ready
from llmspell_bridges.llm.judging_methods import JudgingMethods
from llmspell_bridges.llm.making import MakingMethods
from llmspell_bridges.llm.params import (
    Cache,
    Choice,
    Effort,
    Fallbacks,
    Format,
    MaxTokens,
    Messages,
    ModelName,
    Penalty,
    ProviderName,
    Retry,
    Schema,
    Seed,
    Stops,
    System,
    Temperature,
    Timeout,
    Tools,
    TopP,
)
from llmspell_bridges.llm.prepared import prepared
from llmspell_bridges.llm.request import estimated_texts
from llmspell_bridges.llm.serving import Wishes
from llmspell_bridges.llm.settings import DEFAULT_EMBEDDING_MODEL
from llmspell_bridges.llm.types import Request
from llmspell_core import CallContext, TextRecord, ValidationError, method

if TYPE_CHECKING:
    from llmspell_bridges.llm.call import ModelCall


class LlmBridge(AgentMethods, MakingMethods, JudgingMethods):
    """Language models through litellm: text, agents, embeddings, images, sound, moderation, ranking."""

    @method(
        effects=("model",),
        example={"prompt": "What is the capital of France?", "max_tokens": 20},
        returns="The answer: a text with message, usage, cost_usd, finish_reason, model, metadata",
    )
    async def complete(
        self,
        prompt: Annotated[str | None, "What to ask"] = None,
        *,
        messages: Messages = None,
        system: System = None,
        model: ModelName = None,
        provider: ProviderName = None,
        temperature: Temperature = None,
        top_p: TopP = None,
        max_tokens: MaxTokens = None,
        stop_sequences: Stops = None,
        seed: Seed = None,
        presence_penalty: Penalty = None,
        frequency_penalty: Penalty = None,
        tools: Tools = None,
        tool_choice: Choice = None,
        response_format: Format = None,
        schema: Schema = None,
        reasoning_effort: Effort = None,
        fallbacks: Fallbacks = None,
        retry: Retry = None,
        cache: Cache = None,
        timeout_s: Timeout = None,
        ctx: CallContext,
    ) -> TextRecord:
        """Ask a model, and wait for its whole answer."""
        request = Request(
            where="llm.complete",
            prompt=prompt,
            messages=messages,
            system=system,
            temperature=temperature,
            top_p=top_p,
            max_tokens=max_tokens,
            stop_sequences=stop_sequences,
            seed=seed,
            presence_penalty=presence_penalty,
            frequency_penalty=frequency_penalty,
            tools=tools,
            tool_choice=tool_choice,
            response_format=response_format,
            schema=schema,
            reasoning_effort=reasoning_effort,
        )
        wishes = Wishes(
            model=model,
            provider=provider,
            fallbacks=fallbacks,
            retry=retry,
            cache=cache,
            timeout_s=timeout_s,
        )
        built = await prepared(request, ctx)
        serving = self._serving(ctx, wishes, self.default_model(ctx))
        return await serving.complete(built, parse="response_format" in built)

    @method(
        effects=("model",),
        example={"prompt": "Tell me a story"},
        returns="Pieces of the answer; the last one has usage, cost_usd, finish_reason, model",
    )
    async def stream(
        self,
        prompt: Annotated[str | None, "What to ask"] = None,
        *,
        messages: Messages = None,
        system: System = None,
        model: ModelName = None,
        provider: ProviderName = None,
        temperature: Temperature = None,
        top_p: TopP = None,
        max_tokens: MaxTokens = None,
        stop_sequences: Stops = None,
        seed: Seed = None,
        presence_penalty: Penalty = None,
        frequency_penalty: Penalty = None,
        tools: Tools = None,
        tool_choice: Choice = None,
        response_format: Format = None,
        schema: Schema = None,
        reasoning_effort: Effort = None,
        fallbacks: Fallbacks = None,
        retry: Retry = None,
        cache: Cache = None,
        timeout_s: Timeout = None,
        ctx: CallContext,
    ) -> AsyncIterator[TextRecord]:
        """Ask a model, and take its answer piece by piece, as it is written."""
        request = Request(
            where="llm.stream",
            prompt=prompt,
            messages=messages,
            system=system,
            temperature=temperature,
            top_p=top_p,
            max_tokens=max_tokens,
            stop_sequences=stop_sequences,
            seed=seed,
            presence_penalty=presence_penalty,
            frequency_penalty=frequency_penalty,
            tools=tools,
            tool_choice=tool_choice,
            response_format=response_format,
            schema=schema,
            reasoning_effort=reasoning_effort,
        )
        wishes = Wishes(
            model=model,
            provider=provider,
            fallbacks=fallbacks,
            retry=retry,
            cache=cache,
            timeout_s=timeout_s,
        )
        built = await prepared(request, ctx)
        serving = self._serving(ctx, wishes, self.default_model(ctx))
        answer = serving.stream(built, parse="response_format" in built)
        async with aclosing(answer) as pieces:
            async for piece in pieces:
                yield piece

    @method(
        effects=("model",),
        example={"input": "The quick brown fox"},
        returns="`embeddings`, and `embedding` for a single text; usage, cost_usd, model",
    )
    async def embed(
        self,
        input: Annotated[str | list[str], "The text, or the texts"],  # noqa: A002 - the usual name
        *,
        model: ModelName = None,
        provider: ProviderName = None,
        dimensions: Annotated[Annotated[int, Meta(ge=1)] | None, "Numbers per text"] = None,
        fallbacks: Fallbacks = None,
        retry: Retry = None,
        cache: Cache = None,
        timeout_s: Timeout = None,
        ctx: CallContext,
    ) -> dict[str, Any]:
        """Turn texts into lists of numbers whose distance tells how much they have in common."""
        texts = [str(text) for text in ([input] if isinstance(input, str) else input)]
        if not texts or not all(texts):
            text = "bad argument `input` to `llm.embed`: give at least one text, and none empty"
            raise ValidationError(text, argument="input")
        chosen = ctx.session.options.get("embedding_model")
        default = chosen or self.settings.default_embedding_model or DEFAULT_EMBEDDING_MODEL
        built: dict[str, Any] = {"input": texts}
        if dimensions is not None:
            built["dimensions"] = dimensions
        wishes = Wishes(
            model=model,
            provider=provider,
            fallbacks=fallbacks,
            retry=retry,
            cache=cache,
            timeout_s=timeout_s,
        )

        async def ask(call: ModelCall) -> dict[str, Any]:
            await call.reserve(built, estimated_texts(texts), timeout_s=timeout_s, waits=True)
            return embedding_record(await call.embed(built), call.model)

        answer = await self._serving(ctx, wishes, default).record(ctx.where, built, ask)
        single = isinstance(input, str)
        return {**answer, "embedding": answer["embeddings"][0]} if single else answer

    @method(example={}, returns="Records with name, provider, context_tokens, prices, available")
    async def models(
        self,
        provider: Annotated[str | None, "List all of this provider's, with a key or not"] = None,
        *,
        mode: Literal["chat", "embedding"] = "chat",
        ctx: CallContext,
    ) -> list[dict[str, Any]]:
        """List the models that can be used here: local ones, and those there is a key for."""
        litellm = await litellm_ready()
        permissions = ctx.session.permissions
        # in a thread: a key may be in a keyring, whose owner has to unlock it
        return await asyncio.to_thread(listing, litellm, self.settings, permissions, provider, mode)
