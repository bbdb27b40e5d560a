"""How much money and how many calls one run may spend."""

from __future__ import annotations

import msgspec

from llmspell_core.errors import BudgetError

_OPTIONS = {
    "cost_usd": "--max-cost",
    "tokens": "--max-tokens",
    "llm_calls": "--max-llm-calls",
    "tool_calls": "--max-tool-calls",
}


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What a run may spend; None is unlimited. `cost_usd` is in US dollars."""

    cost_usd: float | None = 1.0
    tokens: int | None = None
    llm_calls: int | None = 1000
    tool_calls: int | None = 1000
    agent_steps: int | None = 50


class Usage(msgspec.Struct, kw_only=True):
    """What a run has spent so far."""

    llm_calls: int = 0
    tool_calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens


class Ledger:
    """Keeps one run within its `Budget`: reserved before a call, settled after it.

    What is reserved counts as spent until it is settled, so calls that run at the same time
    cannot overspend together.
    """

    def __init__(self, budget: Budget | None = None) -> None:
        """Start an empty ledger over `budget`."""
        self.budget = budget or Budget()
        self.usage = Usage()
        self.reserved_usd = 0.0
        self.reserved_tokens = 0

    def remaining_usd(self) -> float | None:
        """US dollars that are neither spent nor reserved; None when unlimited."""
        if self.budget.cost_usd is None:
            return None
        return max(0.0, self.budget.cost_usd - self.usage.cost_usd - self.reserved_usd)

    def reserve(self, *, cost_usd: float = 0.0, tokens: int = 0) -> Reservation:
        """Count one LLM call and set its estimate aside.

        Raises:
            BudgetError: the call does not fit in what is left.
        """
        self._count("llm_calls")
        self._fits("cost_usd", self.usage.cost_usd + self.reserved_usd, cost_usd)
        self._fits("tokens", self.usage.tokens + self.reserved_tokens, tokens)
        self.usage.llm_calls += 1
        self.reserved_usd += cost_usd
        self.reserved_tokens += tokens
        return Reservation(self, cost_usd, tokens)

    def count_tool_call(self) -> None:
        """Count one tool call.

        Raises:
            BudgetError: there were as many as the budget allows.
        """
        self._count("tool_calls")
        self.usage.tool_calls += 1

    def _count(self, name: str) -> None:
        allowed = getattr(self.budget, name)
        if allowed is not None and getattr(self.usage, name) >= allowed:
            raise self.error(name, allowed)

    def _fits(self, name: str, spent: float, more: float) -> None:
        allowed = getattr(self.budget, name)
        if allowed is None:
            return
        if spent + more > allowed or (spent >= allowed and spent > 0):
            raise self.error(name, allowed)

    @staticmethod
    def error(name: str, allowed: float) -> BudgetError:
        """Make the error of a spent budget: which one, its value, how to raise it."""
        what = {"cost_usd": f"{allowed:g} USD", "tokens": f"{allowed:,} tokens"}.get(
            name, f"{allowed:,} {name.replace('_', ' ').replace('llm', 'LLM')}"
        )
        option = _OPTIONS.get(name)
        remedy = f"; raise it with {option}" if option else ""
        text = f"the spell's budget of {what} does not cover this call{remedy}"
        return BudgetError(text, budget=name, value=allowed, option=option)


class Reservation:
    """One call's estimate, until the provider's own figures settle it."""

    def __init__(self, ledger: Ledger, cost_usd: float, tokens: int) -> None:
        """Hold what `Ledger.reserve` set aside."""
        self._ledger = ledger
        self._cost_usd = cost_usd
        self._tokens = tokens
        self._open = True

    def settle(
        self, *, cost_usd: float = 0.0, prompt_tokens: int = 0, completion_tokens: int = 0
    ) -> None:
        """Replace the estimate by what was really spent; a second call changes nothing."""
        if not self._open:
            return
        self._open = False
        ledger = self._ledger
        ledger.reserved_usd = max(0.0, ledger.reserved_usd - self._cost_usd)
        ledger.reserved_tokens -= self._tokens
        ledger.usage.cost_usd += cost_usd
        ledger.usage.prompt_tokens += prompt_tokens
        ledger.usage.completion_tokens += completion_tokens
