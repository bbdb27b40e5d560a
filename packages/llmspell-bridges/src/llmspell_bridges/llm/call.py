"""One call of a model: resolved, permitted, paid for, made, and settled whatever happens."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from llmspell_bridges.llm import errors, models
from llmspell_bridges.llm.answer import Collected, token_usage
from llmspell_bridges.llm.cost import Price, price_of, refuse_unknown, spent_usd
from llmspell_bridges.llm.counting import counted
from llmspell_bridges.llm.grant import Estimate, Grant
from llmspell_bridges.llm.importing import litellm_ready, stream_ready
from llmspell_bridges.llm.settings import DEFAULT_TIMEOUT_S
from llmspell_core import BadResponseError, LlmspellError, NetworkError
from llmspell_core.redact import redactor

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator

    from llmspell_bridges.llm.settings import Provider, Settings
    from llmspell_core import CallContext, TextRecord

T = TypeVar("T")


class Bill:
    """What one call has used so far, for its settlement; `cost_usd` where usage does not say it."""

    received_tokens = 0

    def __init__(self) -> None:
        """Start with nothing."""
        self.usage: Any = None
        self.cost_usd: float | None = None
        self.heard_at = 0.0


class ModelCall:
    """A call of one model on behalf of one run."""

    def __init__(
        self,
        litellm: Any,
        settings: Settings,
        ctx: CallContext,
        model: models.Model,
        provider: Provider,
    ) -> None:
        """Keep what every step needs; `prepare` makes one."""
        self.litellm = litellm
        self.model = model
        self.provider = provider
        self._ledger = ctx.session.ledger
        self._price = price_of(litellm, settings, model, provider)
        self._connection = models.connection(litellm, settings, model, provider)
        self._timeout_s = DEFAULT_TIMEOUT_S
        self._grant: Grant | None = None

    @property
    def identity(self) -> tuple[str, str | None]:
        """The model and the address of who serves it: together they tell whose answer it is."""
        return self.model.name, self._connection.get("api_base")

    @property
    def connection(self) -> dict[str, Any]:
        """How litellm reaches the model: its name for it, address, key, time out."""
        return self._connection

    async def complete(self, arguments: dict[str, Any], *, parse: bool) -> TextRecord:
        """Ask for the whole answer; a key of the host's in it is not passed on."""
        collected = Collected(self.model)
        with self._settled(collected):
            response = await self._bounded(
                self.litellm.acompletion(**self._connection, **arguments)
            )
            collected.take_response(response)
        return _without_keys(collected.record(kind=None, parse=parse))

    async def stream(
        self, arguments: dict[str, Any], *, parse: bool
    ) -> AsyncGenerator[TextRecord, None]:
        """Ask for the answer piece by piece; the last record carries what it cost."""
        collected = Collected(self.model)
        warm = stream_ready()
        with self._settled(collected):
            source = await self._bounded(
                self.litellm.acompletion(
                    **self._connection,
                    **arguments,
                    stream=True,
                    stream_options={"include_usage": True},
                )
            )
            try:
                await warm
                while (chunk := await self._bounded(_next(source))) is not None:
                    collected.heard_at = monotonic()
                    piece = collected.take_chunk(chunk)
                    if piece is not None:
                        yield piece
            except Exception:
                for piece in collected.held():
                    yield piece
                raise
            finally:
                await source.aclose()
            for piece in collected.held():
                yield piece
            # The wrapper invents `finish_reason="stop"` for its last chunk, and keeps what the
            # provider really sent in these two.
            if not (source.received_finish_reason or source.intermittent_finish_reason):
                raise errors.truncated(self.model)
            collected.end_stream()
        yield _without_keys(collected.record(kind="end", parse=parse))

    async def embed(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Ask for embeddings."""
        collected = Collected(self.model)
        with self._settled(collected):
            response = await self._bounded(self.litellm.aembedding(**self._connection, **arguments))
            collected.usage = response.usage
            vectors = [_vector(item) for item in response.data or []]
            if len(vectors) != len(arguments["input"]):
                raise errors.empty(self.model)
        return {"vectors": vectors, "usage": collected.usage, "cost_usd": collected.cost_usd}

    async def ask(
        self,
        request: Awaitable[Any],
        take: Callable[[Any], T],
        price: Callable[[Any], float | None],
    ) -> tuple[T, float | None]:
        """Ask for something that is no text; return what `take` makes of it, and what it cost."""
        bill = Bill()
        with self._settled(bill):
            response = await self._bounded(request)
            bill.usage = token_usage(response)
            bill.cost_usd = price(response)
            return redactor.value(take(response)), bill.cost_usd

    async def reserve_flat(
        self, cost_usd: float | None, tokens: int, *, at_most: float | None, timeout_s: float | None
    ) -> None:
        """Take the share of a call that answers no text and costs about `cost_usd`.

        It may cost `at_most` times that; None: nobody can tell.

        Raises:
            BudgetError: the budget does not cover it.
            ConfigurationError: its price is not known, and there is a cost limit.
        """
        self._set_timeout(timeout_s)
        known = Price(input_usd=0.0, output_usd=0.0)
        refuse_unknown(self._ledger, None if cost_usd is None else known, self.model)
        most = None if at_most is None else (cost_usd or 0.0) * at_most
        self._grant = Grant(
            self._ledger, known, Estimate.of(tokens), flat_usd=cost_usd or 0.0, flat_most=most
        )
        await self._grant.reserve(0, waits=True)

    async def reserve(
        self, arguments: dict[str, Any], prompt: Estimate, *, timeout_s: float | None, waits: bool
    ) -> None:
        """Take the call's share of the budget, and cap its answer to it.

        Raises:
            BudgetError: the budget does not cover it.
            ConfigurationError: its price is not known, and there is a cost limit.
        """
        self._set_timeout(timeout_s)
        refuse_unknown(self._ledger, self._price, self.model)
        count = partial(counted, self.litellm, self.model, dict(arguments))
        prompt = msgspec.structs.replace(prompt, count=count)
        self._grant = Grant(self._ledger, self._price, prompt)
        limit = arguments.get("max_tokens", 0 if "input" in arguments else None)
        cap = await self._grant.reserve(limit, waits=waits)
        if cap is not None and "input" not in arguments:
            arguments["max_tokens"] = cap

    def _set_timeout(self, timeout_s: float | None) -> None:
        self._timeout_s = timeout_s or self.provider.timeout_s or DEFAULT_TIMEOUT_S
        # Retries are one layer's business, and not litellm's: it would make three requests of one.
        self._connection.update(timeout=self._timeout_s, max_retries=0, num_retries=0)

    async def _bounded(self, answer: Any) -> Any:
        """Wait for one answer of the provider, at most `timeout_s`."""
        async with asyncio.timeout(self._timeout_s):
            return await answer

    @contextmanager
    def _settled(self, collected: Collected | Bill) -> Iterator[None]:
        """Settle what the block spent, also when it fails or is left, and translate its errors."""
        grant = self._grant
        if grant is None:
            raise AssertionError("reserve() comes first")
        collected.heard_at = monotonic()
        try:
            yield
        except LlmspellError:
            self._settle(grant, collected)
            raise
        except Exception as error:  # noqa: BLE001 - litellm raises what it likes
            translated = errors.translate(error, self.model, timeout_s=self._timeout_s)
            if _free(error, translated, collected):
                grant.settle(cost_usd=0.0)
            elif isinstance(translated, (NetworkError, BadResponseError)):
                _cut_short(grant, collected)
            else:
                self._settle(grant, collected)
            raise translated from None
        except BaseException:  # cancelled, or a stream that the script left
            _cut_short(grant, collected)
            raise
        self._settle(grant, collected)

    def _settle(self, grant: Grant, collected: Collected | Bill) -> None:
        """Settle by the provider's figures; by the estimate where it gives none, or none but 0."""
        usage = collected.usage
        prompt = getattr(usage, "prompt_tokens", None) or 0
        completion = getattr(usage, "completion_tokens", None) or 0
        if collected.cost_usd is None and not prompt and not completion:
            collected.cost_usd = grant.settle_estimate(collected.received_tokens)
            return
        if collected.cost_usd is None:
            collected.cost_usd = spent_usd(self.litellm, self.model, self._price, usage)
        grant.settle(
            cost_usd=collected.cost_usd, prompt_tokens=prompt, completion_tokens=completion
        )


def _free(error: Exception, translated: LlmspellError, collected: Collected | Bill) -> bool:
    """Say whether nothing can have been charged: no connection, or refused before it was read."""
    if collected.received_tokens:
        return False
    answered = getattr(error, "status_code", None) in range(400, 500)
    return answered or (isinstance(translated, NetworkError) and _refused(error))


def _cut_short(grant: Grant, collected: Collected | Bill) -> None:
    grant.cut_short(collected.received_tokens, monotonic() - collected.heard_at)


async def prepare(
    settings: Settings, ctx: CallContext, name: str, provider: str | None
) -> ModelCall:
    """Find the model, and check that the run may use it and that its provider has a key.

    Raises:
        ModelNotFoundError, PermissionDeniedError, AuthenticationError: in this order.
    """
    litellm = await litellm_ready()
    model = models.resolve(litellm, settings, name, provider)
    await ctx.ask("model", model.name)
    provided = settings.provider(model.provider)
    key = provided.api_key
    if key is not None and not key.is_read:  # from a keyring, whose owner may have to unlock it
        await asyncio.to_thread(key.get_secret_value)
    return ModelCall(litellm, settings, ctx, model, provided)


def _without_keys(answer: TextRecord) -> TextRecord:
    record: TextRecord = redactor.value(answer)
    return record


async def _next(source: AsyncIterator[Any]) -> Any:
    return await anext(source, None)


def _vector(item: Any) -> list[float]:
    vector = item["embedding"] if isinstance(item, dict) else item.embedding
    return [float(number) for number in vector]


def _refused(error: BaseException) -> bool:
    """Say whether no connection was made: then nothing can have been charged."""
    return any(
        isinstance(link, ConnectionRefusedError) or type(link).__name__ == "ConnectError"
        for link in errors.chain(error)
    )
