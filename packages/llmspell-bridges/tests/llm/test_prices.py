"""What calls may cost, estimated from above, and the share that each gets of what is left."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from llmspell_bridges.llm.cost import Price, price_of
from llmspell_bridges.llm.grant import Estimate, Grant
from llmspell_bridges.llm.importing import litellm_ready
from llmspell_bridges.llm.models import Model
from llmspell_bridges.llm.prices import images_usd
from llmspell_bridges.llm.request import estimated
from llmspell_bridges.llm.settings import Settings, served_from_loopback
from llmspell_core import Budget, BudgetError, Ledger

pytestmark = pytest.mark.anyio

PRICE = Price(input_usd=1e-6, output_usd=1e-6, output_tokens=10_000, stated=True)


def test_long_prompts_have_a_price_of_their_own() -> None:
    """From so many tokens on, all of a prompt costs more."""
    price = Price(input_usd=1e-6, output_usd=2e-6, above=((100, 2e-6, 4e-6), (200, 3e-6, 6e-6)))
    assert price.of(100, 10) == pytest.approx(120e-6)
    assert price.of(101, 10) == pytest.approx(242e-6)
    assert price.of(201, 10) == pytest.approx(663e-6)


def test_a_listed_price_is_rather_too_dear() -> None:
    """Thinking, sounds and images of the prompt, searches at every call: the dearest counts."""
    entry = {
        "litellm_provider": "acme",
        "input_cost_per_token": 1e-6,
        "output_cost_per_token": 2e-6,
        "output_cost_per_reasoning_token": 9e-6,
        "input_cost_per_audio_token": 7e-6,
        "input_cost_per_token_above_128k_tokens": 3e-6,
        "output_cost_per_token_above_128k_tokens": 5e-6,
        "search_context_cost_per_query": {"search_context_size_high": 0.05},
    }

    table = SimpleNamespace(model_cost={"acme/web-search": entry})
    price = price_of(table, Settings(), Model(provider="acme", model="web-search"))
    assert price is not None
    assert (price.output_usd, price.dearest_input_usd, price.call_usd) == (9e-6, 7e-6, 0.05)
    assert price.above == ((128_000, 3e-6, 5e-6),)


@pytest.mark.parametrize(
    ("name", "environ", "free"),
    [
        ("ollama", {}, True),
        ("ollama_chat", {}, True),
        ("ollama_chat", {"OLLAMA_API_BASE": "https://gpu.example"}, False),
        ("llamafile", {"LLAMAFILE_API_BASE": "http://127.0.0.1:1"}, True),
        ("lm_studio", {}, False),
        ("openai", {"OPENAI_BASE_URL": "http://localhost:1"}, True),
        ("openai", {"OPENAI_BASE_URL": "http://localhost.evil.example"}, False),
        ("openai", {"OPENAI_BASE_URL": "http://127.0.0.1@evil.example"}, False),
        ("text-completion-openai", {"OPENAI_BASE_URL": "http://[::1]:1"}, True),
    ],
)
def test_only_what_stays_on_this_machine_is_free(
    monkeypatch: pytest.MonkeyPatch, name: str, environ: dict[str, str], *, free: bool
) -> None:
    """By the address that the host has set, under whichever of its names litellm calls it."""
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    assert served_from_loopback(name, Settings().provider(name)) is free


async def test_an_image_of_unknown_size_or_quality_may_be_the_dearest() -> None:
    """`auto`, and words that the table does not have."""
    litellm = await litellm_ready()
    model = Model(provider="openai", model="gpt-image-1")

    def most(**arguments: Any) -> float:
        found = images_usd(litellm, Settings(), model, 10, arguments)
        assert found is not None
        return found

    dearest = most()
    assert most(size="auto", quality="auto") == dearest <= most(quality="shiny")
    assert most(size="1024x1024", quality="low") < dearest
    assert most(n=3) == pytest.approx(3 * dearest, rel=0.01)


async def test_what_nobody_can_estimate_takes_all_that_is_left() -> None:
    """A sound may be far longer than it is large: the next call waits until it is paid."""
    ledger = Ledger(Budget(cost_usd=1.0))
    free = Price(input_usd=0.0, output_usd=0.0)
    first = Grant(ledger, free, Estimate.of(0), flat_usd=0.1, flat_most=None)
    await first.reserve(0, waits=True)
    assert ledger.remaining_usd() == 0
    second = Grant(ledger, free, Estimate.of(0), flat_usd=0.1, flat_most=None)
    waiting = asyncio.create_task(second.reserve(0, waits=True))
    await asyncio.sleep(0)
    assert not waiting.done()
    first.settle(cost_usd=0.3)
    await waiting
    assert ledger.reserved_usd == pytest.approx(0.7)
    second.settle(cost_usd=5.0)
    with pytest.raises(BudgetError):
        await Grant(ledger, free, Estimate.of(0), flat_usd=0.001).reserve(0, waits=True)


async def test_a_document_takes_what_its_model_can_read() -> None:
    """No more than the context, at the dearest price of a token."""
    ledger = Ledger(Budget(cost_usd=9.0))
    price = Price(
        input_usd=1e-6,
        output_usd=1e-6,
        output_tokens=1000,
        context_tokens=100_000,
        dearest_input_usd=20e-6,
    )
    file = {"type": "file", "file": {"file_data": "data:application/pdf;base64,QUFB"}}
    request = {"messages": [{"role": "user", "content": [file]}]}
    estimate = estimated(request, "acme/reader")
    assert estimate.most is None
    await Grant(ledger, price, estimate).reserve(1000, waits=True)
    assert ledger.reserved_usd == pytest.approx(2.0 + 0.001)


async def test_a_prompt_is_counted_only_where_a_token_a_byte_does_not_fit() -> None:
    """Counting takes time; near the end of a budget it lets a call through that would fit."""
    counts: list[str] = []

    async def count() -> int:
        counts.append("counted")
        return 300

    estimate = Estimate(tokens=250, most=1000, count=count)
    ledger = Ledger(Budget(cost_usd=0.01))
    await Grant(ledger, PRICE, estimate).reserve(100, waits=True)
    assert (counts, ledger.reserved_tokens) == ([], 1100)
    ledger = Ledger(Budget(cost_usd=0.0005))
    await Grant(ledger, PRICE, estimate).reserve(100, waits=True)
    assert (counts, ledger.reserved_tokens) == (["counted"], 400)
    with pytest.raises(BudgetError):
        await Grant(Ledger(Budget(cost_usd=0.0003)), PRICE, estimate).reserve(100, waits=True)


@pytest.mark.parametrize(
    ("received", "silent_s", "charged"),
    [(0, 0.0, 0), (50, 0.0, 50), (50, 0.1, 350), (0, 10.0, 1000), (5000, 0.0, 1000)],
)
async def test_what_is_cut_short_is_charged_as_it_may_be(
    received: int, silent_s: float, charged: int
) -> None:
    """The prompt, what came, what can have been written since: at most what was set aside."""
    ledger = Ledger(Budget(cost_usd=1.0))
    grant = Grant(ledger, PRICE, Estimate.of(100))
    await grant.reserve(1000, waits=True)
    grant.cut_short(received, silent_s)
    assert ledger.usage.completion_tokens == charged
    assert ledger.usage.cost_usd == pytest.approx((100 + charged) * 1e-6)
    assert ledger.reserved_usd == 0


async def test_all_that_is_sent_counts_as_bytes() -> None:
    """Names, calls, tools and the answer's schema too; an image as dear as a provider counts one."""
    text = {"messages": [{"role": "user", "content": "x" * 300}]}
    tools = {**text, "tools": [{"type": "function", "function": {"name": "y" * 300}}]}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUFB"}}
    seen = {"messages": [{"role": "user", "content": [image]}]}
    most = [estimated(each, "openai/gpt-4o").most or 0 for each in (text, tools, seen)]
    assert 300 <= most[0] < 400
    assert most[1] >= most[0] + 300
    assert 10_000 <= most[2] < (estimated(seen, "openai/gpt-4o-mini").most or 0)
