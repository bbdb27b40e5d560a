"""What a run may spend on models, and what it is charged."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llmspell_bridges.llm import LlmBridge
from llmspell_bridges.llm.cost import Price, price_of
from llmspell_bridges.llm.grant import Estimate, Grant
from llmspell_bridges.llm.importing import litellm_ready
from llmspell_bridges.llm.models import Model
from llmspell_bridges.llm.settings import Settings
from llmspell_core import (
    Budget,
    BudgetError,
    ConfigurationError,
    Ledger,
    PermissionDeniedError,
    Permissions,
    Session,
)
from llmspell_core.dispatch import call

pytestmark = pytest.mark.anyio


def _session(bridge: LlmBridge, **budget: Any) -> Session:
    return Session(bridges={"llm": bridge}, ledger=Ledger(Budget(**budget)))


async def test_a_call_is_charged_what_the_provider_counted(session: Session, mock: Any) -> None:
    """The estimate is gone afterwards; tokens and dollars are the answer's own."""
    answer: Any = await call(session, "llm", "complete", ["Hi"])
    spent = session.ledger.usage
    assert spent.llm_calls == 1
    assert spent.tokens == answer.fields["usage"]["total_tokens"]
    assert spent.cost_usd == pytest.approx(answer.fields["cost_usd"])
    assert session.ledger.reserved_usd == 0
    assert session.ledger.reserved_tokens == 0


async def test_a_failed_call_is_not_charged(session: Session, mock: Any) -> None:
    """It counts as a call, and costs nothing."""
    mock.fail(401)
    with pytest.raises(Exception, match="does not accept"):
        await call(session, "llm", "complete", ["Hi"])
    assert (session.ledger.usage.llm_calls, session.ledger.usage.cost_usd) == (1, 0)
    assert session.ledger.reserved_usd == 0


async def test_the_number_of_calls_is_bounded(bridge: LlmBridge, mock: Any) -> None:
    """The one too many is not sent, and the run is over, whatever the script catches."""
    session = _session(bridge, llm_calls=1)
    await call(session, "llm", "complete", ["Hi"])
    for _ in range(2):
        with pytest.raises(BudgetError, match=r"1 LLM calls.*--max-llm-calls"):
            await call(session, "llm", "complete", ["Hi"])
    assert isinstance(session.fatal, BudgetError)
    assert len(mock.requests) == 1


async def test_a_call_that_costs_too_much_is_not_made(bridge: LlmBridge, mock: Any) -> None:
    """What it may cost at most is known before: its prompt, and `max_tokens`."""
    session = _session(bridge, cost_usd=0.01)
    with pytest.raises(BudgetError, match=r"0.01 USD.*--max-cost"):
        await call(session, "llm", "complete", ["Hi", {"max_tokens": 1000}])
    assert mock.requests == []


async def test_an_answer_is_capped_to_what_the_budget_leaves(bridge: LlmBridge, mock: Any) -> None:
    """Without `max_tokens`, the cap is sent; it covers what is left, or less."""
    session = _session(bridge, cost_usd=0.01)  # 500 tokens of answer
    await call(session, "llm", "complete", ["Hi"])
    assert 400 < mock.last_request.body["max_tokens"] <= 500


async def test_no_cap_is_sent_where_none_binds(bridge: LlmBridge, mock: Any) -> None:
    """A budget that covers the longest answer leaves the request as it is."""
    await call(_session(bridge, cost_usd=50.0), "llm", "complete", ["Hi"])
    assert "max_tokens" not in mock.last_request.body


async def test_tokens_are_bounded_too(bridge: LlmBridge, mock: Any) -> None:
    """Also where calls are free."""
    session = _session(bridge, cost_usd=None, tokens=10)
    with pytest.raises(BudgetError, match=r"10 tokens.*--max-tokens"):
        await call(session, "llm", "complete", ["A long question " * 10])
    assert mock.requests == []


async def test_calls_at_once_do_not_overspend_and_do_not_fail(bridge: LlmBridge, mock: Any) -> None:
    """A call that does not fit beside the others waits until they have given back the rest."""
    session = _session(bridge, cost_usd=0.05)  # 2,500 tokens of answer: one call of 2,000 at a time
    calls = [call(session, "llm", "complete", ["Hi", {"max_tokens": 2000}]) for _ in range(4)]
    assert len(await asyncio.gather(*calls)) == 4
    assert 0 < session.ledger.usage.cost_usd < 0.05


async def test_nobody_waits_for_a_stream_that_only_the_script_can_end() -> None:
    """A spell that asks again in the middle of a stream gets an error, not a deadlock."""
    ledger = Ledger(Budget(cost_usd=0.05))
    price = Price(input_usd=0.0, output_usd=20e-6, stated=True)
    await Grant(ledger, price, Estimate.of(1)).reserve(2000, waits=False)
    with pytest.raises(BudgetError):
        await Grant(ledger, price, Estimate.of(1)).reserve(2000, waits=True)


async def test_a_model_of_unknown_price_is_refused_under_a_cost_limit(mock: Any) -> None:
    """The error says where to state it; without a limit, or stated, the call is made."""
    base = {"providers": {"openai": {"api_key": "sk-test-012345678", "timeout_s": 0.001}}}
    bridge = LlmBridge.from_settings(base)
    with pytest.raises(ConfigurationError, match="prices"):
        await call(_session(bridge), "llm", "complete", ["Hi", {"model": "openai/brand-new"}])


async def test_prices_come_from_the_host_then_loopback_then_litellm() -> None:
    """And the models of the examples that litellm has dropped are still known."""
    litellm = await litellm_ready()
    here = {"openai": {"base_url": "http://127.0.0.1:8000/v1"}}
    gpt = Model(provider="openai", model="gpt-4")
    opus = Model(provider="anthropic", model="claude-3-opus-20240229")
    stated = Settings.read({"providers": here, "prices": {"openai/gpt-4": {"input_usd": 1}}})
    assert price_of(litellm, stated, gpt).of(1_000_000, 5) == 1.0  # type: ignore[union-attr] # not None
    assert price_of(litellm, Settings.read({"providers": here}), gpt).of(5, 5) == 0  # type: ignore[union-attr]
    assert price_of(litellm, Settings(), gpt).of(1000, 0) == pytest.approx(0.03)  # type: ignore[union-attr]
    assert price_of(litellm, Settings(), opus).of(1_000_000, 0) == pytest.approx(15)  # type: ignore[union-attr]
    assert price_of(litellm, Settings(), Model(provider="openai", model="brand-new")) is None
    assert price_of(litellm, Settings(), Model(provider="local", model="smollm2")).of(9, 9) == 0  # type: ignore[union-attr]


@pytest.mark.parametrize("method", ["complete", "stream"])
async def test_a_model_must_be_permitted(bridge: LlmBridge, mock: Any, method: str) -> None:
    """The resolved name counts, and the error has the flag; nothing is sent."""
    session = Session(bridges={"llm": bridge}, permissions=Permissions(model=("local/*",)))
    with pytest.raises(PermissionDeniedError, match="--allow-model=openai/gpt-4o") as caught:
        await _answered(session, method)
    assert caught.value.flag == "--allow-model=openai/gpt-4o"
    assert mock.requests == []
    await session.close()


async def _answered(session: Session, method: str) -> None:
    answer: Any = await call(session, "llm", method, ["Hi"])
    if method == "stream":
        await call(session, answer.id, "next", [])


async def test_no_model_may_be_permitted_at_all(bridge: LlmBridge, mock: Any) -> None:
    """The call is refused before anything else is looked at."""
    session = Session(bridges={"llm": bridge}, permissions=Permissions(model=False))
    with pytest.raises(PermissionDeniedError, match="--allow-model"):
        await call(session, "llm", "complete", ["Hi"])


async def test_an_image_on_the_net_needs_the_net(bridge: LlmBridge, mock: Any) -> None:
    """Somebody fetches it on the spell's behalf, for some providers this machine."""
    image = {"type": "image", "url": "https://example.org/a.png"}
    message = {"messages": [{"role": "user", "content": [image]}]}
    with pytest.raises(PermissionDeniedError, match=r"--allow-net=example.org"):
        await call(_session(bridge), "llm", "complete", [message])
    granted = Permissions(net=("example.org",))
    await call(Session(bridges={"llm": bridge}, permissions=granted), "llm", "complete", [message])
    assert mock.last_request.body["messages"][0]["content"][0]["image_url"]["url"] == image["url"]
