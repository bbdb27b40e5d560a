"""How much money and how many calls a run may spend, and all runs of a runtime together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from llmspell_core.errors import BudgetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Self

_OPTIONS = {
    "cost_usd": "--max-cost",
    "tokens": "--max-tokens",
    "llm_calls": "--max-llm-calls",
    "tool_calls": "--max-tool-calls",
}
_MOST_TOKENS = 2**53
"""More tokens than this are no count, whatever a provider says."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What a run may spend; None is unlimited. `cost_usd` is in US dollars."""

    cost_usd: float | None = 1.0
    tokens: int | None = None
    llm_calls: int | None = 1000
    tool_calls: int | None = 1000
    agent_steps: int | None = 50

    @classmethod
    def unlimited(cls) -> Self:
        """Make a budget that limits nothing."""
        return cls(**dict.fromkeys(cls.__struct_fields__))


class Usage(msgspec.Struct, kw_only=True):
    """What has been spent so far."""

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
    """Keeps what is spent within a `Budget`: reserved before a call, settled after it.

    What is reserved counts as spent until it is settled, so calls that run at the same time
    cannot overspend together. A ledger may lie `within` others: then each call has to fit in all of
    them, is set aside in all or in none, and is counted in all. It belongs to one event loop.
    """

    def __init__(
        self, budget: Budget | None = None, *, within: Iterable[Ledger] = (), total: bool = False
    ) -> None:
        """Start an empty ledger over `budget`; `total` marks the one of a whole runtime."""
        self.budget = budget or Budget()
        self.usage = Usage()
        self.reserved_usd = 0.0
        self.reserved_tokens = 0
        self.pending = 0
        """Calls that will settle by themselves: whoever lacks money may wait for them."""
        self.waiting: set[Callable[[], None]] = set()
        """Called whenever a call settles."""
        outer = [ledger for each in within for ledger in each.chain]
        self.chain: tuple[Ledger, ...] = (self, *dict.fromkeys(outer))
        self.total = total

    def remaining_usd(self) -> float | None:
        """US dollars that are neither spent nor reserved here; None when unlimited."""
        if self.budget.cost_usd is None:
            return None
        return max(0.0, self.budget.cost_usd - self.usage.cost_usd - self.reserved_usd)

    def remaining_tokens(self) -> int | None:
        """Tokens that are neither spent nor reserved here; None when unlimited."""
        if self.budget.tokens is None:
            return None
        return max(0, self.budget.tokens - self.usage.tokens - self.reserved_tokens)

    def cost_limit_usd(self) -> float | None:
        """The lowest cost limit that a call has to keep; None where there is none."""
        limits = [it.budget.cost_usd for it in self.chain if it.budget.cost_usd is not None]
        return min(limits, default=None)

    def reserve(
        self, *, cost_usd: float = 0.0, tokens: int = 0, settles_itself: bool = False
    ) -> Reservation:
        """Count one LLM call and set its estimate aside.

        `settles_itself` says that the call ends without the script's help, unlike a stream.

        Raises:
            BudgetError: the call does not fit in what is left.
        """
        cost_usd, tokens = _cost(cost_usd, 0.0), _tokens(tokens, 0)
        for ledger in self.chain:
            _count(ledger, "llm_calls")
            _fits(ledger, "cost_usd", ledger.usage.cost_usd + ledger.reserved_usd, cost_usd)
            _fits(ledger, "tokens", ledger.usage.tokens + ledger.reserved_tokens, tokens)
        for ledger in self.chain:
            ledger.usage.llm_calls += 1
            ledger.reserved_usd += cost_usd
            ledger.reserved_tokens += tokens
            ledger.pending += settles_itself
        return Reservation(self, cost_usd, tokens, settles_itself=settles_itself)

    def count_tool_call(self) -> None:
        """Count one tool call.

        Raises:
            BudgetError: there were as many as the budget allows.
        """
        for ledger in self.chain:
            _count(ledger, "tool_calls")
        for ledger in self.chain:
            ledger.usage.tool_calls += 1


class Reservation:
    """One call's estimate, until the provider's own figures settle it."""

    def __init__(
        self, ledger: Ledger, cost_usd: float, tokens: int, *, settles_itself: bool
    ) -> None:
        """Hold what `Ledger.reserve` set aside."""
        self._ledger = ledger
        self._cost_usd = cost_usd
        self._tokens = tokens
        self._settles_itself = settles_itself
        self._open = True

    def settle(
        self, *, cost_usd: float = 0.0, prompt_tokens: int = 0, completion_tokens: int = 0
    ) -> None:
        """Replace the estimate by what was really spent; a second call changes nothing.

        What is no amount (negative, NaN, infinite) leaves the estimate in its place: no answer
        of a provider's gives money back.
        """
        if not self._open:
            return
        self._open = False
        cost_usd = _cost(cost_usd, self._cost_usd)
        prompt_tokens = _tokens(prompt_tokens, self._tokens)
        completion_tokens = _tokens(completion_tokens, self._tokens)
        for ledger in self._ledger.chain:
            ledger.reserved_usd = max(0.0, ledger.reserved_usd - self._cost_usd)
            ledger.reserved_tokens -= self._tokens
            ledger.usage.cost_usd += cost_usd
            ledger.usage.prompt_tokens += prompt_tokens
            ledger.usage.completion_tokens += completion_tokens
            ledger.pending -= self._settles_itself
        for ledger in self._ledger.chain:
            for wake in tuple(ledger.waiting):
                wake()


def _cost(value: float, otherwise: float) -> float:
    return value if 0 <= value < float("inf") else otherwise


def _tokens(value: int, otherwise: int) -> int:
    return value if 0 <= value <= _MOST_TOKENS else otherwise


def _count(ledger: Ledger, name: str) -> None:
    """Refuse one more call than the ledger's budget allows."""
    allowed = getattr(ledger.budget, name)
    if allowed is not None and getattr(ledger.usage, name) >= allowed:
        raise _spent(ledger, name, allowed)


def _fits(ledger: Ledger, name: str, spent: float, more: float) -> None:
    """Refuse what does not fit, and anything at all once everything is spent."""
    allowed = getattr(ledger.budget, name)
    if allowed is None:
        return
    if spent + more > allowed or (spent >= allowed and spent > 0):
        raise _spent(ledger, name, allowed)


def _spent(ledger: Ledger, name: str, allowed: float) -> BudgetError:
    """Make the error of a spent budget: which one, its value, how to raise it."""
    what = {"cost_usd": f"{allowed:g} USD", "tokens": f"{allowed:,} tokens"}.get(
        name, f"{allowed:,} {name.replace('_', ' ').replace('llm', 'LLM')}"
    )
    whose, option = "the spell's budget", _OPTIONS[name]
    if ledger.total:
        whose = "the total budget of all spells"
        option = f"Runtime(total_budget=Budget({name}=…))"
    text = f"{whose} of {what} does not cover this call; raise it with {option}"
    return BudgetError(text, budget=name, value=allowed, option=option)
