"""What a server offers, page by page and not without end."""

from __future__ import annotations

import asyncio
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_bridges.mcp.limits import ITEMS, PAGES, SCHEMAS_BYTES
from llmspell_bridges.mcp.texts import block, line
from llmspell_bridges.mcp.tool import McpTool
from llmspell_bridges.tools.arguments import object_schema
from llmspell_core import ToolError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from mcp import Client

    from llmspell_bridges.mcp.connection import Connection

_LONGEST = 64
_OTHERS = re.compile(r"[^A-Za-z0-9_-]+")


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """A server's tools by the names that it has for them, and why others cannot be used."""

    tools: dict[str, McpTool]
    left_out: dict[str, str]


async def listed(
    connection: Connection, what: str, page: Callable[[Client, str | None], Awaitable[Any]]
) -> list[Any]:
    """Fetch the whole list of `what` (``tools``, ``resources``, ``prompts``), within the time of one request.

    Raises:
        ToolError: it is longer than it may be, or does not end.
    """
    found: list[Any] = []
    cursor: str | None = None
    seen: set[str] = set()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + connection.settings.timeout_s
    for _ in range(PAGES):
        answer = await connection.ask(
            lambda client, at=cursor: page(client, at),  # type: ignore[misc] # bound in each round
            deadline - loop.time(),
        )
        found += getattr(answer, what)
        if len(found) > ITEMS:
            text = f"the MCP server `{connection.name}` offers more than {ITEMS:,} {what}"
            raise ToolError(text)
        cursor = answer.next_cursor
        if not cursor:
            return found
        if cursor in seen:
            break
        seen.add(cursor)
    raise ToolError(f"the MCP server `{connection.name}`: its list of {what} does not end")


async def offered(connection: Connection, taken: Collection[str]) -> Offered:
    """Fetch the server's tools, each checked; none is called by a name that is `taken`."""
    tools: dict[str, McpTool] = {}
    left_out: dict[str, str] = {}
    names = set(taken)
    left = SCHEMAS_BYTES
    for item in await listed(connection, "tools", lambda it, at: it.list_tools(cursor=at)):
        shown = line(item.name)
        if not shown or shown in tools:
            left_out[shown] = "it has no name of its own"
            continue
        try:
            left -= len(msgspec.json.encode(item.input_schema))
            schema = await object_schema(item.input_schema)
        except (ValueError, TypeError, RecursionError) as error:
            left_out[shown] = f"its schema: {line(str(error), 300)}"
            continue
        if left < 0:
            left_out[shown] = f"all schemas together are larger than {SCHEMAS_BYTES >> 20} MiB"
            continue
        name = tool_name(connection.name, item.name, names)
        names.add(name)
        about = block(item.description) or line(item.title)
        tools[shown] = McpTool(connection, item.name, name, about, schema)
    return Offered(tools=tools, left_out=left_out)


def tool_name(server: str, name: str, taken: Collection[str]) -> str:
    """Make the name of a server's tool: one that every provider takes, and no other has."""
    plain = _OTHERS.sub("_", f"{server}_{name}")
    mark = sha256(name.encode("utf-8", "replace")).hexdigest()[:8]
    if len(plain) > _LONGEST:
        plain = f"{plain[: _LONGEST - 9]}_{mark}"
    if plain in taken:
        plain = f"{plain[: _LONGEST - 9]}_{mark}"
    number = 2
    unique = plain
    while unique in taken:
        unique, number = f"{plain[: _LONGEST - 5]}_{number}", number + 1
    return unique
