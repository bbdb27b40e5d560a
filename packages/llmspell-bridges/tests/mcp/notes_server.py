"""A server made with the SDK: tools, resources and prompts; over stdio, or over HTTP with `--http`.

Over HTTP it prints its port once it listens, and serves until its input is closed.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from typing import Any

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Image
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, EmbeddedResource, TextContent, TextResourceContents

PIXEL = bytes.fromhex("89504e470d0a1a0a")
server = MCPServer("Notes", version="7.0", instructions="Read before you write.")


@server.tool()
def add(a: int, b: int) -> dict[str, int]:
    """Add two numbers."""
    return {"sum": a + b}


@server.tool(structured_output=False)
def say(text: str) -> str:
    """Say something."""
    return f"it says {text}"


@server.tool(structured_output=False)
def draw() -> Image:
    """Draw a picture."""
    return Image(data=PIXEL, format="png")


@server.tool(structured_output=False)
def show() -> Any:
    """Show a text, a picture and a note."""
    note = TextResourceContents(uri="memo://1", text="the note", mime_type="text/plain")
    content = [TextContent(text="both:"), Image(data=PIXEL).to_image_content()]
    return CallToolResult(content=[*content, EmbeddedResource(resource=note)])


@server.tool(structured_output=False)
def fail(why: str) -> str:
    """Fail."""
    raise ToolError(why)


@server.tool(structured_output=False)
async def wait() -> str:
    """Wait for ever."""
    await asyncio.Event().wait()
    return ""


@server.tool()
def environment() -> dict[str, str]:
    """Tell what it sees of its environment."""
    return dict(os.environ)


@server.resource("memo://today", name="today", mime_type="text/plain", description="A memo")
def today() -> str:
    """Give a memo."""
    return "feed the owl"


@server.resource("memo://pixel", name="pixel", mime_type="image/png")
def pixel() -> bytes:
    """Give a picture."""
    return PIXEL


@server.prompt()
def greet(who: str) -> str:
    """Greet somebody."""
    return f"Say hello to {who}"


async def serve_http() -> None:
    """Serve until the input is closed."""
    sock = socket.create_server(("127.0.0.1", 0))
    app = server.streamable_http_app(json_response="--json" in sys.argv)
    http = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="on"))
    serving = asyncio.create_task(http.serve(sockets=[sock]))
    sys.stdout.write(f"{sock.getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    http.should_exit = http.force_exit = True
    await serving


if __name__ == "__main__":
    if "--http" in sys.argv:
        asyncio.run(serve_http())
    else:
        server.run("stdio")
