"""A tool as a script holds it: what `tools.define`, `agent:as_tool` and MCP hand out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from llmspell_core import Handle, method

if TYPE_CHECKING:
    from llmspell_bridges.tools.box import ToolBox
    from llmspell_bridges.tools.tool import Tool

Arguments = Annotated[dict[str, Any] | None, "The tool's arguments, by name"]


class ToolHandle(Handle):
    """One tool; it can stand in an agent's `tools`."""

    type_name = "tool"

    def __init__(self, box: ToolBox, tool: Tool) -> None:
        """Hold `tool`, to be called through `box`."""
        self.box = box
        self.tool = tool

    @method(example={"args": {"text": "hi"}}, returns="What the tool answers")
    async def execute(self, args: Arguments = None) -> Any:
        """Call the tool."""
        return await self.box.call(self.tool, args or {})

    @method(example={}, returns="`name`, `description`, `parameters`")
    async def schema(self) -> dict[str, Any]:
        """Describe the tool as models see it."""
        return describe(self.tool)

    @method(example={}, returns="`valid`, and `errors`, a list of texts")
    async def validate(self, args: Arguments = None) -> dict[str, Any]:
        """Check arguments without calling the tool."""
        return await self.box.validate(self.tool, args or {})

    @method(example={}, returns="`ok`, and `error`, why it cannot be used")
    async def health(self) -> dict[str, Any]:
        """Ask whether the tool can be used here."""
        return await self.box.health(self.tool)


def describe(tool: Tool) -> dict[str, Any]:
    """Describe a tool as models see it."""
    return {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
