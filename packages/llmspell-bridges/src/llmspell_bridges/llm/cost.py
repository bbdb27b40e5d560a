"""What a model costs: the price before a call, the provider's figures after it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_bridges.llm.models import LOCAL
from llmspell_bridges.llm.settings import served_from_loopback
from llmspell_core import ConfigurationError

if TYPE_CHECKING:
    from llmspell_bridges.llm.models import Model
    from llmspell_bridges.llm.settings import Provider, Settings
    from llmspell_core import Ledger

_MILLION = 1_000_000
_DROPPED = {  # published prices of models that litellm's table has dropped; USD per million tokens
    "anthropic/claude-3-opus-20240229": (15.0, 75.0, 4096),
    "anthropic/claude-3-sonnet-20240229": (3.0, 15.0, 4096),
    "anthropic/claude-3-haiku-20240307": (0.25, 1.25, 4096),
    "anthropic/claude-3-5-sonnet-20241022": (3.0, 15.0, 8192),
    "anthropic/claude-3-5-haiku-20241022": (0.8, 4.0, 8192),
}
OUTPUT_TOKENS = 4096
"""The longest answer, where a model's own maximum is not known: then this much is asked for."""
_ABOVE = re.compile(r"input_cost_per_token_above_(\d+)k_tokens")
_DEAR_INPUTS = ("input_cost_per_token", "input_cost_per_audio_token", "input_cost_per_image_token")


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars per token; `stated` by the host, or free, so litellm's own table is not asked.

    `output_tokens` and `context_tokens` are the most that the model writes and reads, where that is
    known; `above` has the prices of long prompts: from how many tokens, for input, for output.
    `dearest_input_usd` is a token of the prompt that may be a sound's; `call_usd` is for the call.
    """

    input_usd: float
    output_usd: float
    output_tokens: int | None = None
    context_tokens: int | None = None
    above: tuple[tuple[int, float, float], ...] = ()
    dearest_input_usd: float = 0.0
    call_usd: float = 0.0
    stated: bool = False

    def rates(self, prompt_tokens: int) -> tuple[float, float]:
        """Return what a token costs beside that many in the prompt: of input, of output."""
        found = (self.input_usd, self.output_usd)
        for least, input_usd, output_usd in self.above:
            if prompt_tokens > least:
                found = (input_usd, output_usd)
        return found

    def of(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Price that many tokens."""
        input_usd, output_usd = self.rates(prompt_tokens)
        return self.call_usd + input_usd * prompt_tokens + output_usd * completion_tokens


def price_of(
    litellm: Any, settings: Settings, model: Model, provider: Provider | None = None
) -> Price | None:
    """Find the price of `model`; None when nobody knows.

    What the host states comes first, then what is served from this machine, which is free.
    `provider` is what the settings say of the model's, where that was looked up before.
    """
    info = info_of(litellm, model)
    sizes = {
        "output_tokens": info.get("max_output_tokens"),
        "context_tokens": info.get("max_input_tokens"),
    }
    stated = settings.prices.get(model.name) or settings.prices.get(model.model)
    if stated is not None:
        return _stated(stated.input_usd, stated.output_usd, **sizes)
    if model.provider == LOCAL or served_from_loopback(
        model.provider, provider or settings.provider(model.provider)
    ):
        return _stated(0.0, 0.0, **sizes)
    if info.get("input_cost_per_token") is not None:
        return _listed(model, info, sizes)
    if model.name in _DROPPED:
        cost_in, cost_out, most = _DROPPED[model.name]
        return _stated(cost_in, cost_out, output_tokens=most)
    return None


def _stated(input_usd: float, output_usd: float, **sizes: Any) -> Price:
    """Make a price from US dollars per million tokens."""
    per_token = (input_usd / _MILLION, output_usd / _MILLION)
    return Price(
        input_usd=per_token[0],
        output_usd=per_token[1],
        dearest_input_usd=per_token[0],
        stated=True,
        **sizes,
    )


def _listed(model: Model, info: dict[str, Any], sizes: dict[str, Any]) -> Price:
    """Read a price of litellm's table, rather too dear than too cheap."""
    above = []
    for name, input_usd in info.items():
        if found := _ABOVE.fullmatch(name):
            output_usd = info.get(name.replace("input", "output", 1))
            above.append((int(found[1]) * 1000, float(input_usd), float(output_usd or 0.0)))
    outputs = (info.get("output_cost_per_token"), info.get("output_cost_per_reasoning_token"))
    call_usd = info.get("input_cost_per_request") or 0.0
    if model.provider == "perplexity" or "search" in model.model:  # these search at every call
        call_usd += max((info.get("search_context_cost_per_query") or {"": 0.0}).values())
    return Price(
        input_usd=info["input_cost_per_token"],
        output_usd=max(cost or 0.0 for cost in outputs),
        above=tuple(sorted(above)),
        dearest_input_usd=max(info.get(name) or 0.0 for name in _DEAR_INPUTS),
        call_usd=call_usd,
        **sizes,
    )


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


def refuse_unknown(ledger: Ledger, price: Price | None, model: Model) -> None:
    """Refuse a model whose price nobody knows while a cost limit has to be kept.

    Raises:
        ConfigurationError: it says where to state the price.
    """
    limit_usd = ledger.cost_limit_usd()
    if price is None and limit_usd is not None:
        text = (
            f"the price of `{model.name}` is not known, so the cost limit of "
            f"{limit_usd:g} USD cannot be kept; state the price in the "
            "configuration of `llm` under `prices`, or run without a cost limit (--max-cost)"
        )
        raise ConfigurationError(text, key=f"prices.{model.name}")
