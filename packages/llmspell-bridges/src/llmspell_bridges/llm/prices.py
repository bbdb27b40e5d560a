"""What an image, a speech, a transcription or a ranking costs: before it, and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmspell_bridges.llm.answer import token_usage
from llmspell_bridges.llm.cost import info_of, price_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from llmspell_bridges.llm.models import Model
    from llmspell_bridges.llm.settings import Settings

_IMAGE_TOKENS = 6400  # the most that OpenAI's image models make of one image
_PIXELS = 1024 * 1024
_BY_IMAGE = (
    "output_cost_per_image",
    "input_cost_per_image",
    "output_cost_per_pixel",
    "input_cost_per_pixel",
    "output_cost_per_image_token",
)


def most_usd(
    litellm: Any,
    settings: Settings,
    model: Model,
    tokens: int,
    quantities: Mapping[str, float],
    *,
    answer: int = 0,
) -> float | None:
    """Estimate a call from above: `quantities` by the names of litellm's prices; None if unknown.

    A price that the host states is by token, as is what the call then costs: `tokens` of the
    request, and those of its `answer`.
    """
    price = price_of(litellm, settings, model)
    if price is not None and price.stated:
        return price.of(tokens, answer)
    info = info_of(litellm, model)
    found = {name: info[name] for name in quantities if info.get(name) is not None}
    if not found and price is None:
        return None
    total = price.of(tokens, 0) if price is not None else 0.0
    for name, cost in found.items():
        total += quantities[name] * float(cost)
    return total


def images_usd(
    litellm: Any, settings: Settings, model: Model, prompt_tokens: int, arguments: dict[str, Any]
) -> float | None:
    """Estimate images from above: the dearest size and quality that the arguments leave open."""
    price = price_of(litellm, settings, model)
    count: int = arguments.get("n", 1)
    if price is not None and price.stated:
        return price.of(prompt_tokens, count * _IMAGE_TOKENS)
    size, quality = (_choice(arguments.get(name)) for name in ("size", "quality"))
    variants = list(_variants(litellm, model))
    fitting = [
        (name, info)
        for name, info in variants
        if (size is None or _has_part(name, size.replace("x", "-x-")))
        and (quality is None or _has_part(name, quality))
    ]
    fitting = [it for it in fitting if "/" in it[0]] or fitting
    # A word that the table does not know may be the dearest.
    costs = [cost for _, info in fitting or variants for cost in _image_costs(info, size)]
    if not costs:
        return None
    by_token = price.of(prompt_tokens, 0) if price is not None else 0.0
    return by_token + count * max(costs)


def spent_flat_usd(
    litellm: Any,
    settings: Settings,
    model: Model,
    response: Any,
    estimate_usd: float | None,
    **facts: Any,
) -> float | None:
    """Price a finished call: by the host's statement, by litellm, else as it was estimated."""
    price = price_of(litellm, settings, model)
    if price is not None and price.stated:
        usage = token_usage(response)
        if not usage.total_tokens:
            return estimate_usd
        return price.of(usage.prompt_tokens, usage.completion_tokens)
    try:
        cost: float = litellm.completion_cost(
            completion_response=response,
            model=model.model,
            custom_llm_provider=model.provider,
            **facts,
        )
    except Exception:  # noqa: BLE001 - it raises bare Exception for what it cannot price
        return estimate_usd
    return cost or estimate_usd  # 0 for speech by token: its answer does not count them


def _variants(litellm: Any, model: Model) -> Iterator[tuple[str, dict[str, Any]]]:
    """Find the entries of a model: itself, and ``quality/size/model``."""
    for name, info in litellm.model_cost.items():
        if not str(info.get("litellm_provider", "")).startswith(model.provider):
            continue
        bare = name.removeprefix(f"{model.provider}/")
        if bare == model.model or bare.endswith(f"/{model.model}"):
            yield bare, info


def _has_part(name: str, part: str) -> bool:
    """Say whether an entry is of this size or quality, or does not say of which it is."""
    parts = name.split("/")[:-1]
    sizes = [p for p in parts if p[:1].isdigit()]
    same = sizes if part[:1].isdigit() else [p for p in parts if p not in sizes]
    return not same or part in same


def _choice(word: str | None) -> str | None:
    """Take ``auto`` for what it may be: anything."""
    return None if word is None or word.lower() == "auto" else word.lower()


def _image_costs(info: dict[str, Any], size: str | None) -> list[float]:
    width, _, height = (size or "").partition("x")
    pixels = int(width) * int(height) if width.isdigit() and height.isdigit() else _PIXELS
    for name in _BY_IMAGE:
        if info.get(name):
            unit = {"pixel": pixels, "token": _IMAGE_TOKENS}.get(name.rpartition("_")[2], 1)
            return [float(info[name] * unit)]
    return []
