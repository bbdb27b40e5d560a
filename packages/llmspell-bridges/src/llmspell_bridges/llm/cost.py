"""What a call may cost before it is made, and what it did cost after."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import msgspec

from llmspell_bridges.llm.models import LOCAL
from llmspell_bridges.llm.settings import served_from_loopback
from llmspell_core import ConfigurationError

if TYPE_CHECKING:
    from llmspell_bridges.llm.models import Model
    from llmspell_bridges.llm.settings import Settings
    from llmspell_core import Ledger

_MILLION = 1_000_000
_DROPPED = {  # published prices of models that litellm's table has dropped; USD per million tokens
    "anthropic/claude-3-opus-20240229": (15.0, 75.0, 4096),
    "anthropic/claude-3-sonnet-20240229": (3.0, 15.0, 4096),
    "anthropic/claude-3-haiku-20240307": (0.25, 1.25, 4096),
    "anthropic/claude-3-5-sonnet-20241022": (3.0, 15.0, 8192),
    "anthropic/claude-3-5-haiku-20241022": (0.8, 4.0, 8192),
}
_OUTPUT_TOKENS = 4096  # taken where a model's own maximum is not known
_SHARE = 4  # a call without `max_tokens` may use up to this part of what is left: others may come
_LEAST_TOKENS = 1024  # below this, a cap is more likely to spoil an answer than to save money


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars per token; `stated` by the host, or free, so litellm's own table is not asked."""

    input_usd: float
    output_usd: float
    output_tokens: int = _OUTPUT_TOKENS
    stated: bool = False

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Price that many tokens."""
        return self.input_usd * prompt_tokens + self.output_usd * completion_tokens


def price_of(litellm: Any, settings: Settings, model: Model) -> Price | None:
    """Find the price of `model`; None when nobody knows.

    What the host states comes first, then what is served from this machine, which is free.
    """
    info = info_of(litellm, model)
    most = info.get("max_output_tokens") or _OUTPUT_TOKENS
    stated = settings.prices.get(model.name) or settings.prices.get(model.model)
    if stated is not None:
        return Price(
            input_usd=stated.input_usd / _MILLION,
            output_usd=stated.output_usd / _MILLION,
            output_tokens=most,
            stated=True,
        )
    if model.provider == LOCAL or served_from_loopback(
        model.provider, settings.provider(model.provider)
    ):
        return Price(input_usd=0.0, output_usd=0.0, output_tokens=most, stated=True)
    if info.get("input_cost_per_token") is not None:
        return Price(
            input_usd=info["input_cost_per_token"],
            output_usd=info.get("output_cost_per_token") or 0.0,
            output_tokens=most,
        )
    if model.name in _DROPPED:
        cost_in, cost_out, most = _DROPPED[model.name]
        return Price(
            input_usd=cost_in / _MILLION,
            output_usd=cost_out / _MILLION,
            output_tokens=most,
            stated=True,
        )
    return None


def info_of(litellm: Any, model: Model) -> dict[str, Any]:
    """Find what litellm's table has of `model`: prices and sizes; empty where it has nothing."""
    entry = litellm.model_cost.get(model.name)
    if entry is None:
        entry = litellm.model_cost.get(model.model, {})
        if not str(entry.get("litellm_provider", "")).startswith(model.provider):
            return {}
    return entry  # type: ignore[no-any-return]  # litellm's own table


def spent_usd(litellm: Any, model: Model, price: Price | None, usage: Any) -> float | None:
    """Price a finished call from the provider's own figures; None when the price is not known."""
    prompt, completion = usage.prompt_tokens or 0, usage.completion_tokens or 0
    if price is None:
        return None
    if price.stated:
        return price.of(prompt, completion)
    try:  # litellm's own count knows caches, tiers and reasoning
        parts: tuple[float, float] = litellm.cost_per_token(
            model=model.model, custom_llm_provider=model.provider, usage_object=usage
        )
    except Exception:  # noqa: BLE001 - it raises bare Exception for a model it cannot price
        return price.of(prompt, completion)
    return sum(parts)


class Grant:
    """One call's share of the budget, from before the request until its cost is known."""

    def __init__(
        self, ledger: Ledger, price: Price | None, prompt_tokens: int, flat_usd: float = 0.0
    ) -> None:
        """Describe the call; nothing is reserved yet. `flat_usd` is what is not priced by token."""
        self.ledger = ledger
        self.price = price
        self.prompt_tokens = prompt_tokens
        self.flat_usd = flat_usd
        self._reservation: Any = None
        self._counted = False

    async def reserve(self, max_tokens: int | None, *, waits: bool) -> int | None:
        """Reserve the most the call can cost; return the cap on its answer, None where none binds.

        A call that does not fit, while others hold money they will give back, waits for them.
        `waits` marks a call that ends without the script's help: others may wait for it.

        Raises:
            BudgetError: the budget does not cover the call.
        """
        desk = _desk(self.ledger)
        async with desk.changed:
            while True:
                left = self._left()
                wanted, cap = self._share(left, max_tokens)
                if wanted <= left and (cap is None or cap >= _LEAST_TOKENS):
                    break
                if not desk.pending:
                    break
                await desk.changed.wait()
            cost = self.flat_usd
            cost += self.price.of(self.prompt_tokens, wanted) if self.price else 0.0
            self._reservation = self.ledger.reserve(
                cost_usd=cost, tokens=self.prompt_tokens + wanted
            )
            if waits:
                desk.pending += 1
                self._counted = True
        return max_tokens if cap is None else cap

    def _share(self, left: float, max_tokens: int | None) -> tuple[int, int | None]:
        """Choose how many tokens of answer to reserve, and the cap to send where one binds."""
        if max_tokens is not None:
            return max_tokens, None
        if left == math.inf:
            return 0, None
        most = self.price.output_tokens if self.price else _OUTPUT_TOKENS
        share = int(max(1, min(most, left, max(left / _SHARE, _LEAST_TOKENS))))
        return share, None if share == most else share

    def _left(self) -> float:
        """Count the tokens of an answer that the budget covers; infinite where it sets no limit."""
        ledger, price = self.ledger, self.price
        left = math.inf
        left_usd = ledger.remaining_usd()
        if left_usd is not None and price is not None and price.output_usd > 0:
            left = (left_usd - price.of(self.prompt_tokens, 0)) / price.output_usd
        if left_usd is not None and self.flat_usd > left_usd:
            left = -1.0
        if ledger.budget.tokens is not None:
            held = ledger.usage.tokens + ledger.reserved_tokens
            left = min(left, ledger.budget.tokens - held - self.prompt_tokens)
        return left

    async def settle(
        self, *, cost_usd: float | None, prompt_tokens: int = 0, completion_tokens: int = 0
    ) -> None:
        """Replace the reservation by what was spent; a second call changes nothing."""
        if self._reservation is None:
            return
        self._reservation.settle(
            cost_usd=cost_usd or 0.0,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
        )
        self._reservation = None
        desk = _desk(self.ledger)
        if self._counted:
            desk.pending -= 1
        async with desk.changed:
            desk.changed.notify_all()

    async def settle_estimate(self, completion_tokens: int) -> None:
        """Settle a call that was cut short, for which the provider may charge all the same."""
        price = self.price
        await self.settle(
            cost_usd=self.flat_usd
            + (price.of(self.prompt_tokens, completion_tokens) if price else 0.0),
            prompt_tokens=self.prompt_tokens,
            completion_tokens=completion_tokens,
        )


def refuse_unknown(ledger: Ledger, price: Price | None, model: Model) -> None:
    """Refuse a model whose price nobody knows while a cost limit has to be kept.

    Raises:
        ConfigurationError: it says where to state the price.
    """
    if price is None and ledger.budget.cost_usd is not None:
        text = (
            f"the price of `{model.name}` is not known, so the cost limit of "
            f"{ledger.budget.cost_usd:g} USD cannot be kept; state the price in the "
            "configuration of `llm` under `prices`, or run without a cost limit (--max-cost)"
        )
        raise ConfigurationError(text, key=f"prices.{model.name}")


class _Desk:
    """Where the calls of one run wait for each other's money."""

    def __init__(self) -> None:
        self.changed = asyncio.Condition()
        self.pending = 0


_desks: WeakKeyDictionary[Ledger, _Desk] = WeakKeyDictionary()


def _desk(ledger: Ledger) -> _Desk:
    return _desks.setdefault(ledger, _Desk())
