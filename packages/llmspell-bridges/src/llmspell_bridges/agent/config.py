"""What a script says of an agent, checked."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from llmspell_bridges.llm.approve import Approval
from llmspell_bridges.llm.serving import Wishes
from llmspell_bridges.retry import RetryPolicy

_SAMPLING = ("temperature", "top_p", "max_tokens", "seed", "reasoning_effort")


class AgentConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of an agent but its tools; None is the model's or the host's own default."""

    name: str | None = None
    description: str | None = None
    model: str | None = None
    provider: str | None = None
    system: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop_sequences: list[str] | None = None
    reasoning_effort: str | None = None
    tool_choice: str | None = None
    max_steps: int | None = None
    schema: dict[str, Any] | None = None
    schema_mode: Literal["native", "tool", "prompted"] | None = None
    fallbacks: list[str] | None = None
    retry: RetryPolicy | None = None
    timeout_s: float | None = None
    approve: Approval | None = None

    @property
    def called(self) -> str:
        """What errors call the agent."""
        return f"the agent `{self.name}`" if self.name else "the agent"

    @property
    def wishes(self) -> Wishes:
        """Which models to ask, and how patiently."""
        return Wishes(
            model=self.model,
            provider=self.provider,
            fallbacks=self.fallbacks,
            retry=self.retry,
            timeout_s=self.timeout_s,
        )

    def sampling(self) -> dict[str, Any]:
        """The arguments of every request of a model, in litellm's names."""
        given = {name: getattr(self, name) for name in _SAMPLING}
        given["stop"] = self.stop_sequences or None
        return {name: value for name, value in given.items() if value is not None}
