"""Plug the local models into litellm as ``local/smollm2`` and ``local/minilm``, at no cost.

This is the only file here that imports litellm, which takes seconds: import it when an LLM call is
near. litellm's OpenAI route to the runtime's own HTTP server never yields a forced tool call.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

# Without these, importing litellm fetches from the network.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
os.environ.setdefault("LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS", "True")

import litellm
from litellm.llms.custom_llm import CustomLLM

from llmspell_bridges.local.catalog import CATALOG, PROVIDER
from llmspell_bridges.local.client import shared_model
from llmspell_core.errors import (
    BadResponseError,
    ContextWindowError,
    LlmspellError,
    ModelNotFoundError,
    ProviderError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import httpx
    from litellm.types.utils import EmbeddingResponse, GenericStreamingChunk, ModelResponse

BAD_REQUEST, BAD_GATEWAY = 400, 502


class LocalProvider(CustomLLM):  # type: ignore[misc] # litellm is untyped for mypy
    """litellm's door to `LocalModel`; errors are litellm's, caused by ours."""

    async def acompletion(
        self,
        model: str,
        messages: list[dict[str, Any]],
        model_response: ModelResponse,
        optional_params: dict[str, Any],
        timeout: float | httpx.Timeout | None = None,  # noqa: ASYNC109 - litellm's signature
        **_: Any,
    ) -> ModelResponse:
        """Answer a request whole."""
        request = {**optional_params, "messages": messages}
        try:
            async with asyncio.timeout(_seconds(timeout)):
                answer = await shared_model(model).complete(request)
        except (LlmspellError, TimeoutError) as error:
            raise _translated(error, model, timeout) from error
        choice = model_response.choices[0]
        choice.finish_reason = answer["finish_reason"]
        choice.message = litellm.Message(
            content=answer["text"] or None if answer["tool_calls"] else answer["text"],
            role="assistant",
            tool_calls=answer["tool_calls"] or None,
        )
        model_response.model = f"{PROVIDER}/{model}"
        model_response.usage = litellm.Usage(**_usage(answer["usage"]))
        return model_response

    async def astreaming(
        self,
        model: str,
        messages: list[dict[str, Any]],
        optional_params: dict[str, Any],
        timeout: float | httpx.Timeout | None = None,  # noqa: ASYNC109 - litellm's signature
        **_: Any,
    ) -> AsyncIterator[GenericStreamingChunk]:
        """Answer a request piece by piece."""
        request = {**optional_params, "messages": messages}
        limit_s = _seconds(timeout)
        deadline = None if limit_s is None else asyncio.get_running_loop().time() + limit_s
        try:
            async with aclosing(shared_model(model).stream(request)) as chunks:
                while True:
                    # Not around the yield: the time-out would strike the consumer's own code.
                    async with asyncio.timeout_at(deadline):
                        chunk = await anext(chunks, None)
                    if chunk is None:
                        return
                    for piece in _pieces(chunk):
                        yield piece
        except (LlmspellError, TimeoutError) as error:
            raise _translated(error, model, timeout) from error

    async def aembedding(
        self,
        model: str,
        input: list[str] | str,  # noqa: A002 - litellm's signature
        model_response: EmbeddingResponse,
        timeout: float | httpx.Timeout | None = None,  # noqa: ASYNC109 - litellm's signature
        **_: Any,
    ) -> EmbeddingResponse:
        """Embed texts."""
        texts = [input] if isinstance(input, str) else input
        try:
            async with asyncio.timeout(_seconds(timeout)):
                vectors, tokens = await shared_model(model).embed_with_usage(texts)
        except (LlmspellError, TimeoutError) as error:
            raise _translated(error, model, timeout) from error
        model_response.model = f"{PROVIDER}/{model}"
        model_response.data = [
            {"object": "embedding", "index": index, "embedding": vector}
            for index, vector in enumerate(vectors)
        ]
        model_response.usage = litellm.Usage(prompt_tokens=tokens, total_tokens=tokens)
        return model_response

    def completion(self, *args: Any, **kwargs: Any) -> ModelResponse:
        """Answer a request whole, for callers without an event loop."""
        return asyncio.run(self.acompletion(*args, **kwargs))

    def embedding(self, *args: Any, **kwargs: Any) -> EmbeddingResponse:
        """Embed texts, for callers without an event loop."""
        return asyncio.run(self.aembedding(*args, **kwargs))

    def streaming(self, *_: Any, **__: Any) -> Iterator[GenericStreamingChunk]:
        """Refuse: a stream without an event loop would need a thread to hold it.

        Raises:
            BadRequestError: always.
        """
        text = "local models stream to asyncio only: use `litellm.acompletion(stream=True)`"
        raise litellm.BadRequestError(text, model="", llm_provider=PROVIDER)


def register() -> None:
    """Make litellm know the provider and its models, at price 0. Idempotent."""
    if any(entry["provider"] == PROVIDER for entry in litellm.custom_provider_map):
        return
    litellm.custom_provider_map.append({"provider": PROVIDER, "custom_handler": LocalProvider()})
    litellm.utils.custom_llm_setup()
    litellm.register_model(
        {
            model.id: {
                "litellm_provider": PROVIDER,
                "mode": "embedding" if model.purpose == "embeddings" else "chat",
                "input_cost_per_token": 0.0,
                "output_cost_per_token": 0.0,
                # litellm warns about a price that is stated without these two.
                "cache_creation_input_token_cost": 0.0,
                "cache_read_input_token_cost": 0.0,
                "max_input_tokens": model.context_tokens,
                "max_tokens": model.context_tokens,
                "supports_function_calling": model.purpose == "chat",
                "supports_response_schema": model.purpose == "chat",
            }
            for model in CATALOG.values()
        }
    )


def _pieces(chunk: dict[str, Any]) -> Iterator[GenericStreamingChunk]:
    """Cut one of our chunks into litellm's: text, then each call, then the end with the usage."""
    ends = "finish_reason" in chunk
    if chunk["text"]:
        yield _piece(text=chunk["text"])
    for index, call in enumerate(chunk.get("tool_calls", ())):
        yield _piece(tool_use={**call, "index": index})
    if ends:
        usage = _usage(chunk["usage"])
        yield _piece(is_finished=True, finish_reason=chunk["finish_reason"], usage=usage)


def _piece(**fields: Any) -> GenericStreamingChunk:
    empty = {"text": "", "is_finished": False, "finish_reason": "", "usage": None, "index": 0}
    return {**empty, "tool_use": None, **fields}


def _usage(usage: dict[str, Any]) -> dict[str, int]:
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    return {name: usage.get(name, 0) for name in names}


def _seconds(timeout: float | httpx.Timeout | None) -> float | None:
    """Take the seconds of litellm's time-out, which is a number or httpx's record."""
    return timeout if timeout is None or isinstance(timeout, int | float) else timeout.read


def _translated(error: Exception, model: str, timeout: object) -> Exception:
    """Make litellm's error for ours: litellm passes its own kinds through, and wraps all others."""
    where = {"model": f"{PROVIDER}/{model}", "llm_provider": PROVIDER}
    translated: Exception
    match error:
        case TimeoutError():
            text = f"{PROVIDER}/{model} did not finish within {timeout} s and was stopped"
            translated = litellm.Timeout(text, **where)
        case ModelNotFoundError():
            translated = litellm.NotFoundError(str(error), **where)
        case ContextWindowError():
            translated = litellm.ContextWindowExceededError(str(error), **where)
        case BadResponseError():
            translated = litellm.APIError(BAD_GATEWAY, str(error), **where)
        case ProviderError(status_code=status) if status == BAD_REQUEST:
            translated = litellm.BadRequestError(str(error), **where)
        case _:
            translated = litellm.ServiceUnavailableError(str(error), **where)
    return translated
