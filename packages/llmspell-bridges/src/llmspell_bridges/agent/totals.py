"""What one run of an agent has used: its own requests, and those of the agents it called."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmspell_core import TextRecord


class Totals:
    """Tokens and cost, summed over all turns and sub-agents; `steps` are the agent's own requests."""

    def __init__(self, within: Totals | None = None) -> None:
        """Start with nothing; what is taken counts for `within` too."""
        self.within = within
        self.steps = 0
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.cost_usd: float | None = 0.0
        self.last: dict[str, Any] = {}
        """The fields of the newest answer of a model."""

    def take(self, answer: TextRecord) -> None:
        """Count one answer of a model."""
        fields: dict[str, Any] = answer.fields
        self.steps += 1
        self.last = fields
        usage, cost = fields["usage"], fields.get("cost_usd")
        totals: Totals | None = self
        while totals is not None:
            totals.prompt_tokens += usage["prompt_tokens"]
            totals.completion_tokens += usage["completion_tokens"]
            if cost is None or totals.cost_usd is None:
                totals.cost_usd = None
            else:
                totals.cost_usd += cost
            totals = totals.within

    def record(self) -> dict[str, Any]:
        """Say it as answers do; a cost that is not known is left out."""
        usage = {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        }
        found: dict[str, Any] = {"usage": usage, "steps": self.steps}
        return found if self.cost_usd is None else {**found, "cost_usd": self.cost_usd}


current: ContextVar[Totals | None] = ContextVar("current", default=None)
"""The run of an agent that the code runs in: a sub-agent adds what it uses to it."""
