"""One call's share of the budget, from before the request until its cost is known."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_bridges.llm.cost import OUTPUT_TOKENS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_bridges.llm.cost import Price
    from llmspell_core import Ledger

_SHARE = 4  # a call without `max_tokens` may use up to this part of what is left: others may come
_LEAST_TOKENS = 1024  # below this, a cap is more likely to spoil an answer than to save money
_FASTEST = 3000  # tokens a second: no provider is known to write faster


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """What a request will be counted as: a guess, and the most; None where nobody can tell.

    Text has at most a token for each byte. What a document or a sound comes to only its provider
    finds out, who has to unpack it. `count` counts with a tokenizer, where there is one.
    """

    tokens: int
    most: int | None
    count: Callable[[], Awaitable[int]] | None = None

    @classmethod
    def of(cls, tokens: int) -> Estimate:
        """Make an estimate that is the most as well."""
        return cls(tokens=tokens, most=tokens)


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a call would set aside for its answer; `short` are the ledgers that lack it."""

    prompt: int
    answer: int
    cap: int | None
    short: tuple[Any, ...]


class Grant:
    """One call's share; `flat_usd` and `flat_most` are what is not priced by token."""

    def __init__(
        self,
        ledger: Ledger,
        price: Price | None,
        estimate: Estimate,
        *,
        flat_usd: float = 0.0,
        flat_most: float | None = 0.0,
    ) -> None:
        """Describe the call; nothing is reserved yet."""
        self.ledger = ledger
        self.price = price
        self.estimate = estimate
        self.flat_usd = flat_usd
        self.flat_most = flat_usd if flat_most is None else max(flat_usd, flat_most)
        self._open_ended = estimate.most is None or flat_most is None
        self._reservation: Any = None
        self._counted: int | None = None
        self._usd = 0.0
        self._tokens = 0
        self._answer = 0

    async def reserve(self, max_tokens: int | None, *, waits: bool) -> int | None:
        """Reserve the most the call can cost; return the cap on its answer, None where none binds.

        Where a token for each byte does not fit, the prompt is counted. Where nobody can tell how
        much it is, a guess has to fit, and as much as is left is set aside.
        A call that does not fit, while others hold money they will give back, waits for them.
        `waits` marks a call that ends without the script's help: others may wait for it.

        Raises:
            BudgetError: the budget does not cover the call.
        """
        while True:
            plan = self._plan(self._most_tokens(), max_tokens)
            if plan.short and self.estimate.count is not None and self._counted is None:
                self._counted = await self.estimate.count()
            if plan.short and self._counted is not None:
                plan = self._plan(self._counted, max_tokens)
            if not plan.short or not all(ledger.pending for ledger in plan.short):
                break
            await _change(plan.short)
        tokens = plan.prompt + plan.answer
        usd = self.flat_most + self._of(plan.prompt, plan.answer)
        if self._open_ended and not plan.short:
            more_usd, more = self._further(usd, tokens, plan.answer)
            usd, tokens = usd + more_usd, tokens + more
        self._reservation = self.ledger.reserve(cost_usd=usd, tokens=tokens, settles_itself=waits)
        self._usd, self._tokens, self._answer = usd, tokens, plan.answer
        return max_tokens if plan.cap is None else plan.cap

    def _most_tokens(self) -> int:
        """Say how much the prompt can be at most, as far as that can be told."""
        return self.estimate.tokens if self.estimate.most is None else self.estimate.most

    def _plan(self, prompt: int, max_tokens: int | None) -> _Plan:
        left = {ledger: self._covers(ledger, prompt) for ledger in self.ledger.chain}
        answer, cap = self._share(min(left.values()), max_tokens)
        short = tuple(
            ledger
            for ledger, tokens in left.items()
            if answer > tokens or (cap is not None and max_tokens is None and _too_few(cap, tokens))
        )
        return _Plan(prompt=prompt, answer=answer, cap=cap, short=short)

    def _share(self, left: float, max_tokens: int | None) -> tuple[int, int | None]:
        """Choose how many tokens of answer to reserve, and the cap to send where one binds."""
        if max_tokens is not None:
            return max_tokens, None
        if left == math.inf:
            return 0, None
        known = self.price.output_tokens if self.price else None
        most = known or OUTPUT_TOKENS
        share = int(max(1, min(most, left, max(left / _SHARE, _LEAST_TOKENS))))
        return share, None if share == known else share

    def _covers(self, ledger: Ledger, prompt: int) -> float:
        """Count the tokens of an answer that a ledger covers; infinite where it sets no limit."""
        left = math.inf
        left_usd = ledger.remaining_usd()
        if left_usd is not None:
            rest = left_usd - self.flat_most - self._of(prompt, 0)
            output_usd = self.price.rates(prompt)[1] if self.price else 0.0
            left = -1.0 if rest < 0 else rest / output_usd if output_usd > 0 else math.inf
        left_tokens = ledger.remaining_tokens()
        return left if left_tokens is None else min(left, left_tokens - prompt)

    def _further(self, usd: float, tokens: int, answer: int) -> tuple[float, int]:
        """Say what the call could come to beyond a guess: no model reads more than its context."""
        if self.flat_usd == 0 and self._of(1, 1) == 0:
            return 0.0, 0
        left_usd = [it.remaining_usd() for it in self.ledger.chain]
        left = [it.remaining_tokens() for it in self.ledger.chain]
        room_usd = min((each - usd for each in left_usd if each is not None), default=0.0)
        room = min((each - tokens for each in left if each is not None), default=0)
        context = self.price.context_tokens if self.price else None
        if self.price is None or context is None:
            return max(0.0, room_usd), max(0, room)
        most_usd = self.flat_usd + self.price.dearest_input_usd * context + self._of(0, answer)
        return max(0.0, min(room_usd, most_usd - usd)), max(0, min(room, context + answer - tokens))

    def _of(self, prompt: int, answer: int) -> float:
        return self.price.of(prompt, answer) if self.price else 0.0

    def settle(
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

    def settle_estimate(self, completion_tokens: int) -> float | None:
        """Settle a call that was answered without a word on what it used; return its price."""
        cost = self.flat_usd + self._of(self.estimate.tokens, completion_tokens)
        self.settle(
            cost_usd=cost,
            prompt_tokens=self.estimate.tokens,
            completion_tokens=completion_tokens,
        )
        return cost if self.price is not None else None

    def cut_short(self, received: int, silent_s: float) -> None:
        """Settle a call that nobody waits for any more, as its provider may charge for it.

        That is the prompt, the `received` tokens, and what can have been written in the
        `silent_s` seconds since; at most what was set aside.
        """
        prompt = self._tokens - self._answer
        written = received + int(silent_s * _FASTEST)
        answer = min(self._answer, written) if self._answer else received
        saved = self._of(prompt, self._answer) - self._of(prompt, answer)
        usd = max(0.0, self._usd - saved)
        self.settle(cost_usd=usd, prompt_tokens=prompt, completion_tokens=answer)


def _too_few(cap: int, left: float) -> bool:
    """Say whether a cap is as low as it is because little is left here."""
    return cap < _LEAST_TOKENS and cap >= int(left)


async def _change(ledgers: Sequence[Ledger]) -> None:
    """Wait until something is settled in one of these."""
    changed = asyncio.Event()
    for ledger in ledgers:
        ledger.waiting.add(changed.set)
    try:
        await changed.wait()
    finally:
        for ledger in ledgers:
            ledger.waiting.discard(changed.set)
