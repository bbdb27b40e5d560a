"""The bridge `llm`: what a spell asks of language models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta

from llmspell_bridges.llm import clients
from llmspell_bridges.llm.answer import usage_record
from llmspell_bridges.llm.call import ModelCall, prepare
from llmspell_bridges.llm.catalogue import listing
from llmspell_bridges.llm.importing import litellm_ready, start_import
from llmspell_bridges.llm.request import arguments, estimated_tokens, text_tokens
from llmspell_bridges.llm.settings import DEFAULT_EMBEDDING_MODEL, DEFAULT_MODEL, Settings
from llmspell_bridges.llm.types import Message, Request, ResponseFormat, Tool
from llmspell_core import Bridge, CallContext, TextRecord, ValidationError, method

if TYPE_CHECKING:
    from collections.abc import Mapping

Messages = Annotated[list[Message] | None, "The conversation: records with `role` and `content`"]
System = Annotated[str | None, "What the model is told before the conversation"]
ModelName = Annotated[str | None, "`provider/model`, an alias, or a bare name such as `gpt-4`"]
ProviderName = Annotated[str | None, "The provider, where `model` does not name it"]
Temperature = Annotated[Annotated[float, Meta(ge=0, le=2)] | None, "Randomness, from 0 to 2"]
TopP = Annotated[Annotated[float, Meta(ge=0, le=1)] | None, "Keep the likeliest, from 0 to 1"]
MaxTokens = Annotated[Annotated[int, Meta(ge=1)] | None, "The longest answer, in tokens"]
Stops = Annotated[list[str] | None, "Texts that end the answer"]
Seed = Annotated[int | None, "Makes answers repeatable, where the provider can"]
Penalty = Annotated[Annotated[float, Meta(ge=-2, le=2)] | None, "From -2 to 2"]
Tools = Annotated[list[Tool] | None, "Functions that the model may ask for"]
Choice = Annotated[str | None, "`auto`, `none`, `required`, or the name of a tool"]
Format = Annotated[ResponseFormat | None, "The form of the answer, in OpenAI's words"]
Schema = Annotated[dict[str, Any] | None, "JSON Schema of the answer; its value is in `data`"]
Effort = Annotated[
    Literal["none", "minimal", "low", "medium", "high"] | None, "How long the model thinks"
]
Timeout = Annotated[Annotated[float, Meta(gt=0)] | None, "Seconds to wait for the provider"]


class LlmBridge(Bridge):
    """Language models: complete, stream, embed; through litellm, with every provider it knows."""

    name = "llm"

    def __init__(self, settings: Settings | None = None) -> None:
        """Take the host's settings; nothing is imported yet."""
        self.settings = settings or Settings()

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> LlmBridge:
        """Make the bridge from the host's configuration.

        Raises:
            ConfigurationError: it names the key that is wrong.
        """
        return cls(Settings.read(settings))

    async def open(self) -> None:
        """Start importing litellm in the background, and return at once."""
        clients.hold()
        start_import()

    async def close(self) -> None:
        """Close the HTTP clients and the local models."""
        await clients.release()

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
        call, built = await self._begin(
            request, ctx, model, provider, timeout_s=timeout_s, streams=False
        )
        return await call.complete(built, parse="response_format" in built)

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
        call, built = await self._begin(
            request, ctx, model, provider, timeout_s=timeout_s, streams=True
        )
        async with aclosing(call.stream(built, parse="response_format" in built)) as pieces:
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
        timeout_s: Timeout = None,
        ctx: CallContext,
    ) -> dict[str, Any]:
        """Turn texts into lists of numbers whose distance tells how much they have in common."""
        texts = [str(text) for text in ([input] if isinstance(input, str) else input)]
        if not texts or not all(texts):
            text = "bad argument `input` to `llm.embed`: give at least one text, and none empty"
            raise ValidationError(text, argument="input")
        options = ctx.session.options.get("embedding_model")
        default = options or self.settings.default_embedding_model or DEFAULT_EMBEDDING_MODEL
        call = await prepare(self.settings, ctx, default if model is None else model, provider)
        built: dict[str, Any] = {"input": texts}
        if dimensions is not None:
            built["dimensions"] = dimensions
        tokens = sum(map(text_tokens, texts))
        await call.reserve(built, tokens, timeout_s=timeout_s, waits=True)
        found = await call.embed(built)
        answer: dict[str, Any] = {
            "embeddings": found["vectors"],
            "dimensions": len(found["vectors"][0]),
            "usage": usage_record(found["usage"]),
            "model": call.model.name,
        }
        if found["cost_usd"] is not None:
            answer["cost_usd"] = found["cost_usd"]
        return {**answer, "embedding": found["vectors"][0]} if isinstance(input, str) else answer

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
        return listing(litellm, self.settings, ctx.session.permissions, provider, mode)

    async def _begin(
        self,
        request: Request,
        ctx: CallContext,
        model: str | None,
        provider: str | None,
        *,
        timeout_s: float | None,
        streams: bool,
    ) -> tuple[ModelCall, dict[str, Any]]:
        """Prepare a completion as far as it goes before the request."""
        permissions = ctx.session.permissions
        built = arguments(request, lambda host: permissions.require("net", host))
        default = ctx.session.options.get("model") or self.settings.default_model or DEFAULT_MODEL
        call = await prepare(self.settings, ctx, default if model is None else model, provider)
        tokens = estimated_tokens(built["messages"])
        await call.reserve(built, tokens, timeout_s=timeout_s, waits=not streams)
        return call, built
