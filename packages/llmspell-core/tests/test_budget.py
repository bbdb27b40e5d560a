"""Ledgers: what is reserved, what is settled, and one ledger within another."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core import Bridge, Budget, BudgetError, CallContext, Ledger, Runtime, method

sys.path.insert(0, str(Path(__file__).parent))
from toy import ToyEngine

if TYPE_CHECKING:
    from collections.abc import Callable


class Shop(Bridge):
    """Spends what it is told to."""

    name = "shop"

    @method()
    async def buy(self, usd: float, *, ctx: CallContext) -> None:
        """Make a call that costs exactly what was estimated."""
        ctx.session.ledger.reserve(cost_usd=usd).settle(cost_usd=usd, prompt_tokens=10)

    @method()
    async def use(self, *, ctx: CallContext) -> None:
        """Call a tool."""
        ctx.session.ledger.count_tool_call()


@pytest.fixture
def runtime() -> Callable[..., Runtime]:
    """Make a runtime over the toy engine with a shop."""

    def runtime(**options: Any) -> Runtime:
        return Runtime(engines=[ToyEngine], bridges=[Shop()], **options)

    return runtime


def _nested(**total: Any) -> tuple[Ledger, Ledger, Ledger]:
    outer = Ledger(Budget(**total), total=True)
    return outer, Ledger(Budget(), within=[outer]), Ledger(Budget(), within=[outer])


def test_a_reservation_has_to_fit_in_every_ledger() -> None:
    """What one run holds is missing for the other; what is settled is counted in both places."""
    outer, one, other = _nested(cost_usd=1.0)
    held = one.reserve(cost_usd=0.7, tokens=5)
    with pytest.raises(BudgetError, match="the total budget of all spells of 1 USD"):
        other.reserve(cost_usd=0.7)
    held.settle(cost_usd=0.1, prompt_tokens=3, completion_tokens=4)
    other.reserve(cost_usd=0.7)
    assert (one.usage.cost_usd, outer.usage.cost_usd) == (0.1, 0.1)
    assert (one.usage.tokens, outer.usage.tokens) == (7, 7)
    assert (other.usage.llm_calls, outer.usage.llm_calls) == (1, 2)
    assert (one.reserved_usd, one.reserved_tokens) == (0, 0)


def test_what_is_refused_is_set_aside_nowhere() -> None:
    """A call that fits in one ledger and not in the other leaves no trace in either."""
    outer, one, _ = _nested(cost_usd=0.5)
    with pytest.raises(BudgetError):
        one.reserve(cost_usd=0.7, tokens=5)
    for ledger in (outer, one):
        assert (ledger.reserved_usd, ledger.reserved_tokens, ledger.usage.llm_calls) == (0, 0, 0)


@pytest.mark.parametrize(
    ("name", "spend"),
    [
        ("llm_calls", lambda ledger: ledger.reserve()),
        ("tool_calls", lambda ledger: ledger.count_tool_call()),
        ("tokens", lambda ledger: ledger.reserve(tokens=1).settle(prompt_tokens=1)),
    ],
)
def test_counts_are_kept_in_every_ledger(name: str, spend: Callable[[Ledger], None]) -> None:
    """Two runs that may each go on find that together they may not."""
    _, one, other = _nested(**{name: 1})
    spend(one)
    with pytest.raises(BudgetError) as caught:
        spend(other)
    assert caught.value.budget == name
    assert caught.value.option == f"Runtime(total_budget=Budget({name}=…))"


def test_the_runs_own_budget_is_named_first() -> None:
    """Where both are spent, the error is about the one that the run itself can raise."""
    outer = Ledger(Budget(llm_calls=0), total=True)
    with pytest.raises(BudgetError, match=r"the spell's budget of 0 LLM calls.*--max-llm-calls"):
        Ledger(Budget(llm_calls=0), within=[outer]).reserve()


def test_a_ledger_is_counted_once_however_often_it_is_named() -> None:
    """A chain holds each ledger once, also where one lies within two that lie within it."""
    outer, one, _ = _nested(cost_usd=1.0)
    inner = Ledger(Budget(), within=[one, outer])
    inner.reserve(cost_usd=0.3)
    assert outer.reserved_usd == pytest.approx(0.3)


@pytest.mark.parametrize("cost", [-5.0, float("nan"), float("inf"), float("-inf")])
def test_no_figure_of_a_providers_gives_money_back(cost: float) -> None:
    """What is no amount leaves the estimate in its place."""
    ledger = Ledger(Budget(cost_usd=1.0))
    reservation = ledger.reserve(cost_usd=0.4, tokens=100)
    reservation.settle(cost_usd=cost, prompt_tokens=-7, completion_tokens=2**60)
    assert ledger.usage.cost_usd == pytest.approx(0.4)
    assert ledger.usage.tokens == 200
    assert ledger.remaining_usd() == pytest.approx(0.6)


def test_no_estimate_makes_room() -> None:
    """A negative one, or one that is no number, sets nothing aside."""
    ledger = Ledger(Budget(cost_usd=1.0))
    for cost in (-1.0, float("nan")):
        ledger.reserve(cost_usd=cost, tokens=-1)
    assert (ledger.reserved_usd, ledger.reserved_tokens) == (0, 0)


def test_whoever_waits_is_told_when_a_call_settles() -> None:
    """In every ledger of the chain; what settles by itself is counted until then."""
    outer, one, other = _nested(cost_usd=1.0)
    reservation = one.reserve(cost_usd=0.9, settles_itself=True)
    assert (outer.pending, one.pending, other.pending) == (1, 1, 0)
    woken: list[str] = []
    outer.waiting.add(lambda: woken.append("outer"))
    other.waiting.add(lambda: woken.append("other"))
    reservation.settle()
    reservation.settle()
    assert woken == ["outer"]
    assert (outer.pending, one.pending) == (0, 0)


@pytest.mark.anyio
async def test_all_runs_together_keep_the_total(runtime: Callable[..., Runtime]) -> None:
    """Each run has its own budget; the one that would pass the total is ended by that."""
    script = "call shop buy [0.4]\ncall shop use []"
    async with runtime(budget=Budget(cost_usd=0.5), total_budget=Budget(cost_usd=1.0)) as made:
        results = [await made.run(script, language="toy") for _ in range(2)]
        with pytest.raises(BudgetError, match=r"the total budget of all spells of 1 USD"):
            await made.run(script, language="toy")
        assert [result.cost_usd for result in results] == [0.4, 0.4]
        assert made.usage.cost_usd == pytest.approx(0.8)
        assert (made.usage.llm_calls, made.usage.tool_calls) == (2, 2)


@pytest.mark.anyio
async def test_a_runs_own_budget_holds_below_the_total(runtime: Callable[..., Runtime]) -> None:
    """The error names the run's budget and its option."""
    async with runtime(budget=Budget(cost_usd=0.5), total_budget=Budget(cost_usd=9.0)) as made:
        with pytest.raises(BudgetError, match=r"the spell's budget of 0\.5 USD.*--max-cost"):
            await made.run("call shop buy [0.4]\ncall shop buy [0.4]", language="toy")


@pytest.mark.anyio
async def test_a_ledger_that_a_run_brings_does_not_escape_the_total(
    runtime: Callable[..., Runtime],
) -> None:
    """It is spent from as well, and each result says what its own run spent."""
    shared = Ledger(Budget(cost_usd=None))
    async with runtime(total_budget=Budget(cost_usd=1.0)) as made:
        script = "call shop buy [0.6]"
        result = await made.run(script, language="toy", ledger=shared)
        with pytest.raises(BudgetError, match="total budget"):
            await made.run(script, language="toy", ledger=shared)
        assert shared.usage.cost_usd == made.usage.cost_usd == result.cost_usd == 0.6


@pytest.mark.anyio
async def test_without_a_total_nothing_adds_up(runtime: Callable[..., Runtime]) -> None:
    """Runs are limited one by one unless the host says otherwise."""
    async with runtime() as made:
        for _ in range(3):
            await made.run("call shop buy [0.9]", language="toy")
        assert made.usage.cost_usd == pytest.approx(2.7)
