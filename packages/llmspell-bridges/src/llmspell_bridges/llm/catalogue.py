"""Which models can be used here, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmspell_bridges.llm.cost import price_of
from llmspell_bridges.llm.models import Model, has_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmspell_bridges.llm.settings import Settings
    from llmspell_core import Permissions

_MILLION = 1_000_000
_MODES = {"chat": ("chat", "responses", "completion"), "embedding": ("embedding",)}


def listing(
    litellm: Any, settings: Settings, permissions: Permissions, provider: str | None, mode: str
) -> list[dict[str, Any]]:
    """List the models of `mode`: of `provider`, or of all providers that can be used here."""
    ready: dict[str, bool] = {}
    found: dict[str, dict[str, Any]] = {}
    for model, info in _known(litellm):
        if info.get("mode") not in _MODES[mode] or model.name in found:
            continue
        if provider is not None and model.provider != provider:
            continue
        if model.provider not in ready:
            ready[model.provider] = has_key(settings, model.provider)
        available = ready[model.provider] and permissions.allows("model", model.name)
        if available or provider is not None:
            found[model.name] = _describe(litellm, settings, model, info, available=available)
    return [found[name] for name in sorted(found)]


def _known(litellm: Any) -> Iterator[tuple[Model, dict[str, Any]]]:
    for name, info in litellm.model_cost.items():
        provider = str(info.get("litellm_provider", ""))
        if name.startswith(f"{provider}/"):
            yield Model(provider=provider, model=name.removeprefix(f"{provider}/")), info
        elif provider and "/" not in name:
            yield Model(provider=provider, model=name), info


def _describe(
    litellm: Any, settings: Settings, model: Model, info: dict[str, Any], *, available: bool
) -> dict[str, Any]:
    price = price_of(litellm, settings, model)
    record = {
        "name": model.name,
        "provider": model.provider,
        "model": model.model,
        "available": available,
        "context_tokens": info.get("max_input_tokens") or info.get("max_tokens"),
        "max_output_tokens": info.get("max_output_tokens"),
        "input_usd_per_million": None if price is None else price.input_usd * _MILLION,
        "output_usd_per_million": None if price is None else price.output_usd * _MILLION,
    }
    return {key: value for key, value in record.items() if value is not None}
