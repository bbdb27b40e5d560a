"""The method of `llm` that makes agents; what runs them is imported when one is made."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from llmspell_bridges.llm.approve import Approval
from llmspell_bridges.llm.base import LlmBase
from llmspell_bridges.llm.params import (
    Choice,
    Effort,
    Fallbacks,
    MaxTokens,
    ModelName,
    ProviderName,
    Retry,
    Schema,
    Seed,
    Stops,
    System,
    Temperature,
    Timeout,
    TopP,
)
from llmspell_core import CallContext, Handle, method

AgentName = Annotated[str | None, "What errors, traces and other agents call it"]
Description = Annotated[str | None, "What it is good at, for the agents that may call it"]
AgentTools = Annotated[
    list[Any] | None,
    "Names, defined tools, tools of servers and of other agents, or definitions with a `handler`",
]
MaxSteps = Annotated[
    Annotated[int, Meta(ge=1)] | None, "The most requests of its model in one run; 50 by default"
]
SchemaMode = Annotated[
    Literal["native", "tool", "prompted"] | None,
    "How the schema is asked for: as a feature of the model, as a tool, in words; it depends",
]
Approve = Annotated[
    Approval | None,
    "Asked before each tool call: a function that gives true, or why not; `ask` is the terminal",
]


class AgentMethods(LlmBase):
    """Agents: models that call tools, turn after turn, until they have an answer."""

    @method(
        example={"model": "gpt-4o", "tools": ["web_search"], "system": "You research."},
        returns="The agent",
    )
    async def agent(
        self,
        *,
        model: ModelName = None,
        provider: ProviderName = None,
        system: System = None,
        tools: AgentTools = None,
        name: AgentName = None,
        description: Description = None,
        temperature: Temperature = None,
        top_p: TopP = None,
        max_tokens: MaxTokens = None,
        stop_sequences: Stops = None,
        seed: Seed = None,
        reasoning_effort: Effort = None,
        tool_choice: Choice = None,
        max_steps: MaxSteps = None,
        schema: Schema = None,
        schema_mode: SchemaMode = None,
        fallbacks: Fallbacks = None,
        retry: Retry = None,
        timeout_s: Timeout = None,
        approve: Approve = None,
        ctx: CallContext,
    ) -> Handle:
        """Make an agent: a model with tools, that keeps its conversation."""
        from llmspell_bridges.agent import AgentConfig, ModelDoor, make_agent  # the first one pays

        config = AgentConfig(
            model=model,
            provider=provider,
            system=system,
            name=name,
            description=description,
            temperature=temperature,
            top_p=top_p,
            max_tokens=max_tokens,
            stop_sequences=stop_sequences,
            seed=seed,
            reasoning_effort=reasoning_effort,
            tool_choice=tool_choice,
            max_steps=max_steps,
            schema=schema,
            schema_mode=schema_mode,
            fallbacks=fallbacks,
            retry=retry,
            timeout_s=timeout_s,
            approve=approve,
        )
        door = ModelDoor(self.settings, self._serving, self.default_model)
        return await make_agent(config, tools or [], door, ctx)
