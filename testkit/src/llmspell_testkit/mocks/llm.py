"""`MockLLMClient`: a model in the test's own process, for what needs no HTTP."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core.bridge import Bridge, method
from llmspell_core.errors import (
    AuthenticationError,
    BadResponseError,
    LlmspellError,
    ModelNotFoundError,
    NetworkError,
    ProviderError,
    RateLimitError,
)
from llmspell_core.values import TextRecord
from llmspell_testkit.provider.reply import Replies
from llmspell_testkit.provider.wire import vector_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmspell_testkit.provider.reply import Reply

_SIZE = 8


class ModelCall(msgspec.Struct, frozen=True, kw_only=True):
    """One request that a mock got: what was asked of it, and everything that was said besides."""

    method: str
    prompt: Any
    options: dict[str, Any]


class MockLLMClient:
    """Answers with scripted replies, without a server, and remembers what it was asked.

    ::

        client = MockLLMClient([response("Hello"), failure(429)], latency_s=0.1)
        answer = await client.complete("Hi", model="any")
        assert client.call_log[0].prompt == "Hi"

    `bridge()` is a bridge named ``llm`` on top of it, so that a spell runs without any library of
    models. Where HTTP itself matters, take `FakeProvider`.
    """

    def __init__(
        self,
        replies: Sequence[Reply] = (),
        *,
        default: Reply | None = None,
        latency_s: float = 0.0,
    ) -> None:
        """Take the replies, what answers when none is left, and how long each takes."""
        self._replies = Replies(replies, default)
        self.latency_s = latency_s
        self.call_log: list[ModelCall] = []

    async def complete(self, prompt: Any = None, **options: Any) -> TextRecord:
        """Return the next reply, as a text with fields.

        Raises:
            LlmspellError: the reply is a failure; the class is that of its status.
        """
        reply = await self._next("complete", prompt, options)
        return TextRecord(reply.text or "", _fields(reply, options))

    async def stream(self, prompt: Any = None, **options: Any) -> AsyncIterator[str]:
        """Give the next reply word by word.

        Raises:
            LlmspellError: the reply is a failure, or breaks off.
        """
        reply = await self._next("stream", prompt, options)
        words = re.findall(r"\S+\s*", reply.text or "")
        for index, word in enumerate(words):
            if index == reply.break_after:
                raise _broken()
            yield word

    async def embed(self, texts: Any, **options: Any) -> list[list[float]]:
        """Return a vector for each text: scripted, or one that depends on the text alone."""
        reply = await self._next("embed", texts, options)
        given = [texts] if isinstance(texts, str) else list(texts)
        return reply.vectors or [vector_of(str(text), _SIZE) for text in given]

    async def _next(self, name: str, prompt: Any, options: dict[str, Any]) -> Reply:
        self.call_log.append(ModelCall(method=name, prompt=prompt, options=options))
        reply = self._replies.take(options.get("model"), embedding=name == "embed")
        await asyncio.sleep(self.latency_s + reply.latency_s)
        if reply.status is not None:
            raise error_of(reply)
        if reply.raw is not None:
            raise BadResponseError(f"the provider answered {reply.raw[:60]!r}", provider="mock")
        if reply.break_after == 0:
            raise _broken()
        return reply

    def bridge(self) -> Bridge:
        """Make a bridge named ``llm``: ``complete``, ``stream`` and ``embed`` of this client."""
        return _LlmBridge(self)


class _LlmBridge(Bridge):
    """The mock as scripts see it: every option is taken, and kept in the client's log."""

    name = "llm"

    def __init__(self, client: MockLLMClient) -> None:
        self._client = client

    @method()
    async def complete(self, *args: Any) -> TextRecord:
        """Answer a prompt."""
        prompt, options = _asked(args)
        return await self._client.complete(prompt, **options)

    @method()
    async def stream(self, *args: Any) -> AsyncIterator[str]:
        """Answer a prompt, word by word."""
        prompt, options = _asked(args)
        async for word in self._client.stream(prompt, **options):
            yield word

    @method()
    async def embed(self, *args: Any) -> dict[str, Any]:
        """Turn texts into vectors."""
        texts, options = _asked(args, "input")
        return {"vectors": await self._client.embed(texts, **options)}


def _asked(args: Sequence[Any], first: str = "prompt") -> tuple[Any, dict[str, Any]]:
    """Take ``complete{prompt = "Hi", model = "x"}`` and ``complete("Hi", {model = "x"})`` apart."""
    options = dict(args[-1]) if args and isinstance(args[-1], dict) else {}
    prompt = options.pop(first, None) if isinstance(args[0] if args else None, dict) else args[0]
    return prompt if prompt is not None else options.get("messages"), options


def _fields(reply: Reply, options: Mapping[str, Any]) -> dict[str, Any]:
    calls: list[Any] = [{"name": call.name, "arguments": call.arguments} for call in reply.calls]
    words = len((reply.text or "").split())
    fields: dict[str, Any] = {
        "model": options.get("model") or "mock/model",
        "finish_reason": reply.ending,
        "usage": {"prompt_tokens": 1, "completion_tokens": words, "total_tokens": 1 + words},
        "cost_usd": 0.0,
    }
    return {**fields, "tool_calls": calls} if calls else fields


def error_of(reply: Reply) -> LlmspellError:
    """Make the error that a client of a real provider would make of a refusal."""
    text, status = reply.message or "it failed", reply.status or 500
    fields: dict[str, Any] = {"provider": "mock", "status_code": status}
    if status in (401, 403):
        return AuthenticationError(text, **fields)
    if status == 404:
        return ModelNotFoundError(text, **fields)
    if status == 429:
        return RateLimitError(text, **fields, retry_after_s=reply.retry_after_s)
    return ProviderError(text, **fields, retryable=status >= 500)


def _broken() -> NetworkError:
    return NetworkError("the connection broke", provider="mock")
