"""The SDK is imported by who connects, and by nobody else."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import asyncio, sys
from llmspell_core import Permissions, Session
from llmspell_core.dispatch import call
from llmspell_bridges.mcp import McpBridge

async def main():
    bridge = McpBridge.from_settings({"time": {"command": "/nowhere"}})
    session = Session(bridges={"mcp": bridge}, permissions=Permissions(mcp=True))
    await call(session, "mcp", "servers", [])
    heavy = {"mcp", "mcp_types", "pydantic", "httpx2", "anyio", "jsonschema"} & set(sys.modules)
    assert not heavy, heavy
    try:
        await call(session, "mcp", "connect", ["time"])
    except Exception as error:
        print(error)
    assert "mcp" in sys.modules
    await session.close()

asyncio.run(main())
"""


def test_a_spell_that_does_not_connect_imports_no_sdk() -> None:
    """Naming the bridge, and asking for the servers, costs nothing."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "the MCP server `time`: cannot start `/nowhere`" in done.stdout
