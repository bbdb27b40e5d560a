"""What is set aside before a call and settled after it, against a provider that bills all it may."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core import Budget, BudgetError, Ledger, LlmspellError, ProviderError, Session
from llmspell_core.dispatch import call

sys.path.insert(0, str(Path(__file__).parent))
import meter as provider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from meter import Meter

pytestmark = pytest.mark.anyio

DENSE = "\ua98f\ua9ad" * 150
"""900 bytes that tokenizers take to pieces, a token for each; English has one for four."""
AT_ONCE = 50


@pytest.fixture
async def meter() -> AsyncIterator[Meter]:
    """The provider."""
    async for running in provider.running():
        yield running


@pytest.fixture
def settings(meter: Meter) -> dict[str, Any]:
    """The host's settings: the provider is `openai`, at its prices."""
    return {
        "default_model": "openai/gpt-4o",
        "default_embedding_model": "openai/text-embedding-3-small",
        "providers": {
            "openai": {"base_url": f"{meter.address}/v1", "api_key": "sk-test-0123456789abcdef"}
        },
        "prices": dict.fromkeys(
            ("openai/gpt-4o", "openai/text-embedding-3-small"), provider.PRICES
        ),
    }


def _run(bridge: Any, *within: Ledger, **budget: Any) -> Session:
    return Session(bridges={"llm": bridge}, ledger=Ledger(Budget(**budget), within=within))


async def _ask(session: Session, *args: Any, method: str = "complete") -> Any:
    answer: Any = await call(session, "llm", method, list(args))
    while method == "stream" and not (await call(session, answer.id, "next", []))["done"]:  # type: ignore[index,call-overload] # the protocol's record
        pass
    return answer


@pytest.mark.parametrize("options", [{"max_tokens": 100}, {}], ids=["max_tokens", "capped"])
@pytest.mark.parametrize("method", ["complete", "stream"])
async def test_calls_at_once_cannot_overspend_together(
    bridge: Any, meter: Meter, method: str, options: dict[str, Any]
) -> None:
    """Fifty of them, each made to be dearer than it looks: the bill stays below the budget."""
    meter.together = AT_ONCE
    session = _run(bridge, cost_usd=0.05)
    calls = [_ask(session, DENSE, options, method=method) for _ in range(AT_ONCE)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    refused = [each for each in results if isinstance(each, BudgetError)]
    assert refused
    assert len(refused) + len(meter.bodies) >= AT_ONCE
    assert 0.01 < meter.billed_usd <= 0.05
    await session.close()
    spent = session.ledger.usage.cost_usd
    # a stream that was open when another call met the end is charged what it was given
    assert spent <= 0.05 if method == "stream" else spent == pytest.approx(meter.billed_usd)
    assert session.ledger.reserved_usd == 0


async def test_runs_at_once_cannot_overspend_the_total(bridge: Any, meter: Meter) -> None:
    """Each of ten runs is far from its own budget; together they stay below the runtime's."""
    meter.together = AT_ONCE
    total = Ledger(Budget(cost_usd=0.05), total=True)
    runs = [_run(bridge, total, cost_usd=1.0) for _ in range(10)]
    calls = [_ask(run, DENSE, {"max_tokens": 100}) for run in runs for _ in range(5)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert any("total budget" in str(each) for each in results)
    assert 0.01 < meter.billed_usd <= 0.05
    assert total.usage.cost_usd == pytest.approx(meter.billed_usd)
    assert total.reserved_usd == total.pending == 0


async def test_nobody_waits_for_another_runs_money_when_the_own_is_spent(
    bridge: Any, meter: Meter
) -> None:
    """It would not help: the error comes at once."""
    meter.silent = True
    total = Ledger(Budget(cost_usd=9.0), total=True)
    busy, poor = _run(bridge, total), _run(bridge, total, cost_usd=0.001)
    task = asyncio.create_task(_ask(busy, "Hi"))
    await meter.asked.wait()
    with pytest.raises(BudgetError, match="the spell's budget"):
        await _ask(poor, DENSE, {"max_tokens": 1000})
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_every_answer_is_capped_to_what_is_left(bridge: Any, meter: Meter) -> None:
    """One after the other without `max_tokens`: none asks for more than the budget leaves."""
    session = _run(bridge, cost_usd=0.05)
    with pytest.raises(BudgetError):
        await _often(lambda: _ask(session, "Hi"))
    assert all("max_tokens" in body for body in meter.bodies)
    assert 0.04 < meter.billed_usd <= 0.05


async def test_a_model_of_unknown_size_is_told_how_much_to_write(bridge: Any, meter: Meter) -> None:
    """What it would write at most is not known, so it is asked for what was set aside."""
    bridge.settings.prices["openai/brand-new"] = bridge.settings.prices["openai/gpt-4o"]
    await _ask(_run(bridge, cost_usd=50.0), "Hi", {"model": "openai/brand-new"})
    assert meter.bodies[0]["max_tokens"] == 4096


@pytest.mark.parametrize(
    "request_",
    [
        {"tools": [{"name": "t", "description": DENSE * 6}]},
        {"schema": {"type": "object", "description": DENSE * 6}},
        {"system": DENSE * 6},
        {"messages": [{"role": "user", "content": DENSE * 6}]},
        {
            "messages": [
                {"role": "assistant", "tool_calls": [{"id": "1", "arguments_text": DENSE * 6}]}
            ]
        },
        {"messages": [{"role": "user", "name": DENSE * 6, "content": "Hi"}]},
    ],
    ids=["tools", "schema", "system", "messages", "calls", "name"],
)
async def test_all_that_is_sent_is_estimated(
    bridge: Any, meter: Meter, request_: dict[str, Any]
) -> None:
    """Wherever a spell puts a long text, it is counted before it is sent."""
    session = _run(bridge, cost_usd=0.05)
    with pytest.raises(BudgetError):
        await _ask(session, {"prompt": "Hi", "max_tokens": 1, **request_})
    assert meter.bodies == []


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        {"prompt_tokens": -1_000_000, "completion_tokens": -1_000_000},
    ],
    ids=["none", "zero", "negative"],
)
async def test_without_figures_of_the_providers_the_estimate_counts(
    bridge: Any, meter: Meter, usage: dict[str, Any] | None
) -> None:
    """No answer is free because nobody counted, and none gives money back."""
    meter.usage = usage
    session = _run(bridge, cost_usd=1.0)
    answer = await _ask(session, "Hi there", {"max_tokens": 100})
    spent = session.ledger.usage
    assert spent.cost_usd > 0.0001
    assert spent.prompt_tokens > 0
    assert spent.completion_tokens > 0
    assert session.ledger.reserved_usd == 0
    if usage is None:
        assert answer.fields["cost_usd"] == pytest.approx(spent.cost_usd)


async def test_a_stream_without_figures_is_counted_too(bridge: Any, meter: Meter) -> None:
    """By what was asked, and what came."""
    meter.usage = None
    session = _run(bridge, cost_usd=1.0)
    await _ask(session, "Hi there", method="stream")
    assert session.ledger.usage.prompt_tokens > 0
    assert session.ledger.usage.completion_tokens >= 3
    assert session.ledger.usage.cost_usd > 0
    await session.close()


@pytest.mark.parametrize("method", ["complete", "embed"])
async def test_a_call_that_is_cancelled_is_charged(bridge: Any, meter: Meter, method: str) -> None:
    """The provider has read it and may write on: its prompt is charged, and what it can have done."""
    meter.silent = True
    session = _run(bridge, cost_usd=1.0)
    task = asyncio.create_task(_ask(session, DENSE, method=method))
    await meter.asked.wait()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert session.ledger.usage.cost_usd >= 900 * provider.INPUT_USD
    assert session.ledger.usage.llm_calls == 1
    assert session.ledger.reserved_usd == session.ledger.reserved_tokens == 0


async def test_calls_that_are_cancelled_one_after_the_other_use_the_budget_up(
    bridge: Any, meter: Meter
) -> None:
    """A spell that never waits for an answer spends as one that does."""
    meter.silent = True
    session = _run(bridge, cost_usd=0.05)
    with pytest.raises(BudgetError):
        await _often(lambda: _cancelled(session, meter))
    assert meter.billed_usd - len(meter.bodies) * 100 * provider.OUTPUT_USD <= 0.05
    assert len(meter.bodies) <= 6


async def _often(work: Callable[[], Awaitable[Any]]) -> None:
    for _ in range(AT_ONCE):
        await work()


async def _cancelled(session: Session, meter: Meter) -> None:
    meter.asked.clear()
    task = asyncio.create_task(_ask(session, DENSE, {"max_tokens": 100}))
    asked = asyncio.create_task(meter.asked.wait())
    await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if task.done():
        task.result()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_time_out_is_charged(bridge: Any, meter: Meter) -> None:
    """The provider goes on without us: the answer that was paid for may be whole."""
    meter.silent = True
    session = _run(bridge, cost_usd=1.0)
    with pytest.raises(ProviderError, match="did not answer within"):
        await _ask(session, "Hi", {"max_tokens": 500, "timeout_s": 0.4})
    assert session.ledger.usage.completion_tokens == 500
    assert session.ledger.usage.cost_usd >= 500 * provider.OUTPUT_USD


async def test_a_run_that_is_closed_settles_its_streams(bridge: Any, meter: Meter) -> None:
    """Nothing stays set aside, and what came is charged."""
    meter.pieces, meter.pause_s = 1000, 0.01
    total = Ledger(Budget(cost_usd=9.0), total=True)
    session = _run(bridge, total, cost_usd=1.0)
    handle: Any = await call(session, "llm", "stream", ["Hi"])
    await call(session, handle.id, "next", [1])
    await session.close()
    assert total.usage.cost_usd > 0
    assert total.reserved_usd == session.ledger.reserved_usd == 0


async def test_what_a_spell_leaves_unread_is_charged(
    bridge: Any, meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider that writes on while the spell looks away writes at the spell's cost."""
    meter.pieces, slept_s = 3000, 0.0
    monkeypatch.setattr("llmspell_bridges.llm.call.monotonic", lambda: time.monotonic() + slept_s)
    session = _run(bridge, cost_usd=1.0)
    handle: Any = await call(session, "llm", "stream", ["Hi", {"max_tokens": 3000}])
    await call(session, handle.id, "next", [1])
    slept_s = 60.0
    await session.handles.release(handle.id)
    assert session.ledger.usage.completion_tokens == 3000


async def test_a_stream_that_is_left_at_once_costs_what_came(bridge: Any, meter: Meter) -> None:
    """Leaving early saves money: what was not written is not charged."""
    meter.pieces, meter.pause_s = 3000, 0.02
    session = _run(bridge, cost_usd=1.0)
    handle: Any = await call(session, "llm", "stream", ["Hi", {"max_tokens": 16_000}])
    await call(session, handle.id, "next", [1])
    await session.handles.release(handle.id)
    assert session.ledger.usage.completion_tokens < 8000


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429])
async def test_a_refused_call_is_free(bridge: Any, meter: Meter, status: int) -> None:
    """The provider did not do anything."""
    meter.fail = [status]
    session = _run(bridge, cost_usd=1.0)
    with pytest.raises(ProviderError):
        await _ask(session, "Hi")
    assert (session.ledger.usage.llm_calls, session.ledger.usage.cost_usd) == (1, 0)
    assert session.ledger.reserved_usd == 0


async def test_each_attempt_is_a_call(bridge: Any, meter: Meter) -> None:
    """Retries of ours are reserved, counted and charged as calls; the budget ends them too."""
    meter.fail = [500, 500]
    session = _run(bridge, cost_usd=1.0)
    again = {"retry": {"max_attempts": 5, "base_delay_ms": 1}}
    answer = await _ask(session, "Hi", again)
    assert (len(meter.bodies), session.ledger.usage.llm_calls) == (3, 3)
    assert session.ledger.usage.cost_usd > answer.fields["cost_usd"]
    meter.fail = [500] * 5
    few = _run(bridge, llm_calls=2)
    with pytest.raises(BudgetError, match="2 LLM calls"):
        await _ask(few, "Hi", again)
    assert len(meter.bodies) == 5


async def test_each_fallback_is_a_call(bridge: Any, meter: Meter) -> None:
    """The second model's share is set aside as the first one's was."""
    meter.fail = [503]
    session = _run(bridge, llm_calls=1)
    with pytest.raises(BudgetError, match="1 LLM calls"):
        await _ask(session, "Hi", {"fallbacks": ["openai/gpt-4o"]})
    assert len(meter.bodies) == 1


async def test_after_the_budget_nothing_is_sent_any_more(bridge: Any, meter: Meter) -> None:
    """Whatever the script catches, whichever method it calls."""
    session = _run(bridge, cost_usd=0.001)
    for method in ("complete", "embed", "complete"):
        with pytest.raises(BudgetError):
            await _ask(session, DENSE, method=method)
    assert meter.bodies == []


async def test_an_answer_from_the_cache_costs_nothing(
    bridge: Any, meter: Meter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is no call: nothing is set aside or counted."""
    monkeypatch.setenv("LLMSPELL_CACHE_DIR", str(tmp_path / "models"))
    first, second = _run(bridge), _run(bridge, llm_calls=0)
    await _ask(first, "Say it", {"cache": True})
    answer = await _ask(second, "Say it", {"cache": True})
    assert answer.fields["metadata"]["cache"] == "hit"
    assert (second.ledger.usage.llm_calls, second.ledger.usage.cost_usd) == (0, 0)
    assert len(meter.bodies) == 1


async def test_embeddings_are_estimated_by_the_byte(bridge: Any, meter: Meter) -> None:
    """Fifty at once of dense texts stay below the budget."""
    meter.together = AT_ONCE
    session = _run(bridge, cost_usd=0.05)
    calls = [_ask(session, DENSE, method="embed") for _ in range(AT_ONCE)]
    await asyncio.gather(*calls, return_exceptions=True)
    assert 0.01 < meter.billed_usd <= 0.05


async def test_a_run_over_free_models_is_limited_by_calls_alone(bridge: Any, meter: Meter) -> None:
    """What is served from this machine costs nothing, and is counted."""
    bridge.settings.prices.clear()
    session = _run(bridge, cost_usd=0.0001, llm_calls=3)
    for _ in range(3):
        assert (await _ask(session, DENSE)).fields["cost_usd"] == 0
    with pytest.raises(LlmspellError, match="3 LLM calls"):
        await _ask(session, "Hi")
    assert session.ledger.usage.tokens > 0
