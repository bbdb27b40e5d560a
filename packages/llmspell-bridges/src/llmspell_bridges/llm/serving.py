"""Who answers a request: the cache, else the first of its models that can, asked again if need be.

Every attempt is a call of its own: reserved, counted and settled as one. What an earlier model
failed with stands in the answer's `metadata.failed`, or in the `details` of the last error.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from llmspell_bridges import retry
from llmspell_bridges.llm import models
from llmspell_bridges.llm.call import prepare
from llmspell_bridges.llm.fetching import Images
from llmspell_bridges.llm.fit import checked
from llmspell_bridges.llm.importing import litellm_ready
from llmspell_bridges.llm.params import CacheOptions
from llmspell_bridges.llm.request import estimated
from llmspell_bridges.retry import RetryPolicy
from llmspell_core import (
    ContextWindowError,
    ModelNotFoundError,
    ProviderError,
    TextRecord,
    ValidationError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from llmspell_bridges.llm.cache import AnswerCache, Stored
    from llmspell_bridges.llm.call import ModelCall
    from llmspell_bridges.llm.settings import Settings
    from llmspell_core import CallContext

T = TypeVar("T")
Answer = TypeVar("Answer", TextRecord, dict[str, Any])
Pieces = tuple[TextRecord, "AsyncGenerator[TextRecord, None] | None"]
_FORM = 1  # of keys and values: another number leaves what older versions have kept alone


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """Which models a script wants asked, and how patiently."""

    model: str | None = None
    provider: str | None = None
    fallbacks: list[str] | None = None
    retry: RetryPolicy | None = None
    cache: bool | CacheOptions | None = None
    timeout_s: float | None = None


class Serving:
    """One request on its way to an answer."""

    def __init__(
        self,
        settings: Settings,
        ctx: CallContext,
        wishes: Wishes,
        *,
        default: str | None,
        store: Callable[[], AnswerCache],
    ) -> None:
        """Keep what the request needs; `default` is the model asked where the script names none."""
        self.wishes = wishes
        self._settings = settings
        self._ctx = ctx
        self._default = default
        self._store = store
        self._failed: list[dict[str, Any]] = []
        self._images = Images(ctx)
        wish = settings.cache.always if wishes.cache is None else wishes.cache
        self._caching = bool(wish)
        given = wish.ttl_s if isinstance(wish, CacheOptions) else None
        self._max_age_s = settings.cache.ttl_s if given is None else given

    async def complete(self, arguments: dict[str, Any], *, parse: bool) -> TextRecord:
        """Ask for a whole text."""

        async def ask(call: ModelCall) -> TextRecord:
            built = await self._ready(call, arguments, waits=True)
            answer = await call.complete(built, parse=parse)
            await checked(answer, arguments, call.model)
            await self._keep(call, "complete", arguments, answer, built)
            return answer

        async def recall(call: ModelCall) -> TextRecord | None:
            return _text(await self._kept(call, "complete", arguments))

        return self._noted(await self._first(ask, recall))

    async def stream(
        self, arguments: dict[str, Any], *, parse: bool
    ) -> AsyncGenerator[TextRecord, None]:
        """Ask for a text piece by piece; once the first piece is there, nobody else is asked.

        From the cache it comes as one piece, and its end.
        """

        async def ask(call: ModelCall) -> Pieces:
            built = await self._ready(call, arguments, waits=False)
            source = self._kept_stream(call, arguments, built, parse=parse)
            return await anext(source), source

        async def recall(call: ModelCall) -> Pieces | None:
            answer = _text(await self._kept(call, "complete", arguments))
            return None if answer is None else (answer, None)

        first, rest = await self._first(ask, recall)
        if rest is None:
            if first:
                yield TextRecord(str(first), {"type": "text"})
            yield self._noted(TextRecord("", {**first.fields, "type": "end"}))
            return
        async with aclosing(rest):
            yield self._noted(first)
            async for piece in rest:
                yield self._noted(piece)

    async def _ready(
        self, call: ModelCall, arguments: dict[str, Any], *, waits: bool
    ) -> dict[str, Any]:
        """Make what is sent to this model: images it cannot fetch itself, the budget's cap."""
        built = dict(await self._images.inline(call.litellm, call.model, arguments))
        timeout_s = self.wishes.timeout_s
        prompt = estimated(built, call.model.name)
        # Calls that came together are prepared in a row, and then asked for in a row: one by one,
        # litellm's code and ours push each other out of the processor's caches. Twenty spells of
        # twenty-five calls take 0.86 to 0.92 of the time so.
        await asyncio.sleep(0)
        await call.reserve(built, prompt, timeout_s=timeout_s, waits=waits)
        return built

    async def record(
        self,
        what: str,
        arguments: dict[str, Any],
        ask: Callable[[ModelCall], Awaitable[dict[str, Any]]],
    ) -> dict[str, Any]:
        """Ask for an answer that is a record; `what` and `arguments` are the whole request."""

        async def kept(call: ModelCall) -> dict[str, Any]:
            answer = await ask(call)
            await self._keep(call, what, arguments, answer)
            return answer

        async def recall(call: ModelCall) -> dict[str, Any] | None:
            found = await self._kept(call, what, arguments)
            return None if found is None else found.fields

        return self._noted(await self._first(kept, recall))

    async def _first(
        self,
        ask: Callable[[ModelCall], Awaitable[T]],
        recall: Callable[[ModelCall], Awaitable[T | None]],
    ) -> T:
        """Ask the models in order until one answers."""
        names = await self._names()
        for index, name in enumerate(names):
            provider = self.wishes.provider if index == 0 else None
            try:
                call = await prepare(self._settings, self._ctx, name, provider)
                found = await recall(call)
                if found is not None:
                    return found
                return await retry.run(self._policy(call), partial(ask, call))
            except ProviderError as error:
                if index == len(names) - 1 or not _another_may(error):
                    raise self._with_history(error) from None
                self._failed.append(
                    {"model": error.model or name, "kind": error.kind, "message": error.message}
                )
        raise AssertionError("there is always a model to ask")

    async def _names(self) -> list[str]:
        """List the models to ask; a fallback that is not permitted is refused before any call."""
        first = self._default if self.wishes.model is None else self.wishes.model
        if first is None:
            text = f"missing argument `model` of `{self._ctx.where}`: there is no default for it"
            raise ValidationError(text, argument="model")
        for name in self.wishes.fallbacks or ():
            try:
                model = models.resolve(await litellm_ready(), self._settings, name)
            except ModelNotFoundError:
                continue  # it says so when its turn comes
            await self._ctx.ask("model", model.name)
        return [first, *(self.wishes.fallbacks or ())]

    def _policy(self, call: ModelCall) -> RetryPolicy:
        if self.wishes.retry is not None:
            return self.wishes.retry
        return RetryPolicy(max_attempts=1 + (call.provider.max_retries or 0))

    async def _kept_stream(
        self, call: ModelCall, arguments: dict[str, Any], built: dict[str, Any], *, parse: bool
    ) -> AsyncGenerator[TextRecord, None]:
        async with aclosing(call.stream(built, parse=parse)) as pieces:
            async for piece in pieces:
                if piece.fields.get("type") == "end":
                    await checked(piece, arguments, call.model)
                    text = piece.fields["message"]["content"]  # type: ignore[index,call-overload] # our own record
                    fields = {k: v for k, v in piece.fields.items() if k != "type"}
                    whole = TextRecord(str(text), fields)
                    await self._keep(call, "complete", arguments, whole, built)
                    piece.fields.update(metadata=whole.fields["metadata"])
                yield piece

    async def _kept(self, call: ModelCall, what: str, arguments: dict[str, Any]) -> Stored | None:
        """Take the answer from the cache; it costs nothing."""
        if not self._caching:
            return None
        key = _key(call, what, arguments)
        found = await asyncio.to_thread(self._store().get, key, self._max_age_s)
        if found is not None:
            found.fields["cost_usd"] = 0.0
            found.fields["metadata"] = {**found.fields.get("metadata", {}), "cache": "hit"}
        return found

    async def _keep(
        self,
        call: ModelCall,
        what: str,
        arguments: dict[str, Any],
        answer: TextRecord | dict[str, Any],
        sent: dict[str, Any] | None = None,
    ) -> None:
        """Put an answer into the cache, and say so in its metadata."""
        if not self._caching:
            return
        fields = _fields(answer)
        # What the budget cut short is not the answer to this request.
        capped = sent is not None and sent.get("max_tokens") != arguments.get("max_tokens")
        if not (capped and fields.get("finish_reason") == "length"):
            text = str(answer) if isinstance(answer, TextRecord) else None
            key = _key(call, what, arguments)
            await asyncio.to_thread(self._store().put, key, text, dict(fields))
        fields["metadata"] = {**fields.get("metadata", {}), "cache": "miss"}

    def _noted(self, answer: Answer) -> Answer:
        """Say in the answer's metadata which models failed before."""
        fields = _fields(answer)
        if self._failed and "metadata" in fields:
            fields["metadata"] = {**fields["metadata"], "failed": self._failed}
        return answer

    def _with_history(self, error: ProviderError) -> ProviderError:
        if self._failed:
            error.details["failed"] = list(self._failed)
        return error


def _another_may(error: ProviderError) -> bool:
    """Say whether another model may answer what this one could not."""
    return error.retryable or isinstance(error, (ModelNotFoundError, ContextWindowError))


def _fields(answer: TextRecord | dict[str, Any]) -> dict[str, Any]:
    return answer.fields if isinstance(answer, TextRecord) else answer


def _text(found: Stored | None) -> TextRecord | None:
    return None if found is None else TextRecord(found.text or "", found.fields)


def _key(call: ModelCall, what: str, arguments: dict[str, Any]) -> bytes:
    """Name a request: all that its answer depends on, the address included, and no key."""
    whole = [_FORM, what, *call.identity, arguments]
    return hashlib.sha256(msgspec.msgpack.encode(whole, order="deterministic")).digest()
