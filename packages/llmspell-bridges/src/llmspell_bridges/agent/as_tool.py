"""An agent as a tool of other agents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmspell_bridges.tools import Tool

if TYPE_CHECKING:
    from llmspell_bridges.agent.handle import AgentHandle
    from llmspell_core import CallContext

PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"input": {"type": "string", "description": "What to ask, with all it needs"}},
    "required": ["input"],
    "additionalProperties": False,
}


class AgentTool(Tool):
    """Asks an agent, each time in a conversation of its own; what that costs counts for the caller."""

    parameters = PARAMETERS
    effects = ("model",)

    def __init__(self, agent: AgentHandle, name: str, description: str) -> None:
        """Call `agent` by `name`."""
        self.agent = agent
        self.name = name
        self.description = description

    @property
    def permission(self) -> None:
        """An agent can do nothing that the spell could not do itself."""
        return

    async def call(self, arguments: dict[str, Any], ctx: CallContext) -> Any:
        """Ask the agent, and give its text; with a schema, its data."""
        answer, _ = await self.agent.ask(arguments["input"], [], ctx)
        fields: dict[str, Any] = answer.fields
        return fields["data"] if "data" in fields else str(answer)
