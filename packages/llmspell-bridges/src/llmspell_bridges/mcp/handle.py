"""A connected server as a script holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from llmspell_bridges.mcp import content
from llmspell_bridges.mcp.listing import listed
from llmspell_bridges.mcp.texts import block, line
from llmspell_bridges.tools import ToolHandle
from llmspell_core import CallContext, Handle, ValidationError, method
from llmspell_core.signature import nearest

if TYPE_CHECKING:
    from llmspell_bridges.mcp.connection import Connection
    from llmspell_bridges.mcp.listing import Offered
    from llmspell_bridges.mcp.tool import McpTool
    from llmspell_bridges.tools import ToolBox

Name = Annotated[str, "What the server calls it"]


class ServerHandle(Handle):
    """One server; its tools can stand in an agent's `tools`."""

    type_name = "mcp_server"
    by_name = True

    def __init__(self, connection: Connection, offered: Offered, box: ToolBox) -> None:
        """Take a connection, and what the server offered when it was made."""
        self.connection = connection
        self._offered = offered
        self._box = box
        for tool in offered.tools.values():
            box.add(tool)

    @method(example={}, returns="The tools, in the server's order: for an agent's `tools`")
    async def tools(self) -> list[ToolHandle]:
        """List the server's tools."""
        return [ToolHandle(self._box, tool) for tool in self._offered.tools.values()]

    @method(example={"name": "get_current_time"}, returns="The tool")
    async def tool(self, name: Name) -> ToolHandle:
        """Find one tool of the server."""
        return ToolHandle(self._box, self._find(name))

    @method(example={"name": "get_current_time"}, returns="What the tool answers")
    async def call(
        self, name: Name, args: Annotated[dict[str, Any] | None, "Its arguments, by name"] = None
    ) -> Any:
        """Call a tool of the server."""
        return await self._box.call(self._find(name), args or {})

    @method(effects=("mcp",), example={}, returns="Tables with `uri`, `name`, …")
    async def resources(self, *, ctx: CallContext) -> list[dict[str, Any]]:
        """List the server's resources."""
        await self._ask(ctx)
        if self._capabilities.resources is None:
            return []
        found = await listed(
            self.connection, "resources", lambda it, at: it.list_resources(cursor=at)
        )
        return [content.described(item) for item in found]

    @method(
        effects=("mcp",),
        example={"uri": "memo://today"},
        returns="Its text, with `uri` and `mime_type`; or a table with `data`; or a list of these",
    )
    async def read_resource(
        self, uri: Annotated[str, "As the server names it"], *, ctx: CallContext
    ) -> Any:
        """Read a resource of the server's; nobody but the server looks at the address."""
        await self._ask(ctx)
        timeout_s = self.connection.settings.timeout_s
        plain = content.sendable(uri, ctx.where)
        result = await self.connection.ask(lambda it: it.read_resource(plain), timeout_s)
        return content.resource_answer(result)

    @method(effects=("mcp",), example={}, returns="Tables with `name`, `description`, `arguments`")
    async def prompts(self, *, ctx: CallContext) -> list[dict[str, Any]]:
        """List the server's prompts."""
        await self._ask(ctx)
        if self._capabilities.prompts is None:
            return []
        found = await listed(self.connection, "prompts", lambda it, at: it.list_prompts(cursor=at))
        return [content.described_prompt(item) for item in found]

    @method(effects=("mcp",), example={"name": "greet"}, returns="`description`, `messages`")
    async def get_prompt(
        self,
        name: Name,
        args: Annotated[dict[str, str] | None, "Its arguments, by name"] = None,
        *,
        ctx: CallContext,
    ) -> dict[str, Any]:
        """Make a prompt of the server's; its messages can be given to `llm.complete`."""
        await self._ask(ctx)
        timeout_s = self.connection.settings.timeout_s
        plain, given = content.sendable([name, args], ctx.where)
        result = await self.connection.ask(lambda it: it.get_prompt(plain, given), timeout_s)
        return content.prompt_answer(result)

    @method(example={}, returns="`name`, `server`, `version`, `protocol`, `tools`, `left_out`, …")
    async def info(self) -> dict[str, Any]:
        """Say what the server says of itself; `left_out` are tools that cannot be used, and why."""
        client = await self.connection.client()
        about = client.server_info
        return {
            "name": self.connection.name,
            "server": line(about.name) if about else "",
            "version": line(about.version) if about else "",
            "protocol": line(client.protocol_version),
            "instructions": block(client.instructions),
            "tools": list(self._offered.tools),
            "left_out": dict(self._offered.left_out),
        }

    @method(example={})
    async def close(self) -> None:
        """End the connection; a server that was started for it ends."""
        await self.connection.close()

    @property
    def _capabilities(self) -> Any:
        return self.connection.capabilities

    async def _ask(self, ctx: CallContext) -> None:
        await ctx.ask("mcp", self.connection.name)

    def _find(self, name: str) -> McpTool:
        found = self._offered.tools.get(name)
        if found is not None:
            return found
        server = self.connection.name
        if name in self._offered.left_out:
            text = f"the tool `{name}` of the MCP server `{server}` cannot be used"
            raise ValidationError(f"{text}: {self._offered.left_out[name]}", argument="name")
        known = nearest(name[:80], list(self._offered.tools))
        text = f"the MCP server `{server}` has no tool `{name[:80]}`{known}"
        raise ValidationError(text, argument="name")
