"""The bridge `mcp`: connects to the servers that the host has configured, and to no others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any
from weakref import WeakValueDictionary

from llmspell_bridges.mcp.importing import connecting
from llmspell_bridges.mcp.settings import read_servers
from llmspell_bridges.tools import toolbox
from llmspell_core import Bridge, CallContext, Handle, Session, ValidationError, method
from llmspell_core.signature import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell_bridges.mcp.connection import Connection
    from llmspell_bridges.mcp.handle import ServerHandle
    from llmspell_bridges.mcp.settings import ServerSettings


class McpBridge(Bridge):
    """MCP servers: their tools, resources and prompts."""

    name = "mcp"
    scope = "run"
    by_name = True

    def __init__(
        self,
        servers: Mapping[str, ServerSettings] | None = None,
        session: Session | None = None,
    ) -> None:
        """Keep the configured servers, by name; `session` is the run's."""
        self._servers = dict(servers or {})
        self._session = session or Session()
        self._connections: list[Connection] = []
        self._handles: WeakValueDictionary[str, ServerHandle] = WeakValueDictionary()
        self._names: dict[str, set[str]] = {}
        """What the run calls the tools of each server."""
        self._turns: dict[str, asyncio.Lock] = {}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> McpBridge:
        """Make the bridge from the host's settings: a table for each server, see `ServerSettings`."""
        return cls(read_servers(settings))

    def for_run(self, session: Session) -> McpBridge:
        """Make the instance of one run."""
        return type(self)(self._servers, session)

    async def close(self) -> None:
        """End all connections at once, and with them the servers that were started."""
        try:
            await asyncio.gather(*(it.close() for it in self._connections), return_exceptions=True)
        finally:
            for connection in self._connections:
                connection.abandon()

    @method(example={}, returns="The names, sorted")
    async def servers(self) -> list[str]:
        """List the servers that are configured."""
        return sorted(self._servers)

    @method(effects=("mcp",), example={"name": "time"}, returns="The server")
    async def connect(
        self, name: Annotated[str, "What the configuration calls the server"], *, ctx: CallContext
    ) -> Handle:
        """Connect to a server, and add its tools to the run's: `tools.NAME_TOOL`.

        A server that the run is connected to already is the same one.
        """
        settings = self._servers.get(name)
        if settings is None:
            raise ValidationError(self._unknown(name), argument="name")
        await ctx.ask("mcp", name)
        async with self._turns.setdefault(name, asyncio.Lock()):
            known = self._handles.get(name)
            if known is None or not known.connection.is_open:
                known = self._handles[name] = await self._connected(name, settings)
            return known

    async def _connected(self, name: str, settings: ServerSettings) -> ServerHandle:
        module = await connecting()
        from llmspell_bridges.mcp.handle import ServerHandle
        from llmspell_bridges.mcp.listing import offered

        connection: Connection = module.Connection(name, settings, self._session)
        self._connections.append(connection)
        await connection.open()
        box = toolbox(self._session)
        try:
            found = await offered(connection, set(box.names()) - self._names.get(name, set()))
        except BaseException:
            await connection.close()
            raise
        self._names[name] = {tool.name for tool in found.tools.values()}
        return ServerHandle(connection, found, box)

    def _unknown(self, name: str) -> str:
        if not self._servers:
            return "no MCP server is configured: add [mcp.NAME] with a command or a url"
        return f"no MCP server `{name[:80]}` is configured{nearest(name[:80], list(self._servers))}"
