"""A server's tool as one of the run's: called through `ToolBox`, as all are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmspell_bridges.tools import Tool
from llmspell_core import ToolError

if TYPE_CHECKING:
    from llmspell_bridges.mcp.connection import Connection
    from llmspell_core import CallContext


class McpTool(Tool):
    """Asks the server; its name, description and schema are the server's own words."""

    def __init__(
        self,
        connection: Connection,
        own_name: str,
        name: str,
        description: str,
        parameters: dict[str, Any],
    ) -> None:
        """Take what the server said of it; the server knows it by `own_name`."""
        self.name = name
        self.description = description
        self.parameters = parameters
        self.timeout_s = connection.settings.timeout_s
        self.connection = connection
        self._own_name = own_name

    @property
    def permission(self) -> tuple[str, str]:
        """Whoever was granted the server was granted its tools."""
        return ("mcp", self.connection.name)

    async def call(self, arguments: dict[str, Any], ctx: CallContext) -> Any:  # noqa: ARG002 - the permission was asked for before
        """Call it, and give its text, data or images.

        Raises:
            ToolError: it says that it failed, or the server is gone.
        """
        from llmspell_bridges.mcp.content import error_text, sendable, tool_answer

        plain = sendable(arguments, f"tools.{self.name}")
        result = await self.connection.ask(lambda it: it.call_tool(self._own_name, plain))
        if result.is_error:
            text = f"the tool `{self.name}` failed: {error_text(result)}"
            raise ToolError(text, tool=self.name)
        return tool_answer(result)

    async def health(self, ctx: CallContext) -> None:  # noqa: ARG002 - it asks for nothing
        """Say whether its server is still there.

        Raises:
            ToolError: it is not.
        """
        await self.connection.check()
