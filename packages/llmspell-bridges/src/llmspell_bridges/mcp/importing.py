"""The SDK of MCP, imported in the background by the first connection: a second of processor time."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from llmspell_bridges.importing import BackgroundImport

if TYPE_CHECKING:
    from types import ModuleType


async def connecting() -> ModuleType:
    """Wait for the module that connects, `llmspell_bridges.mcp.connection`.

    Raises:
        UnsupportedError: the SDK is not installed; the message says how to.
    """
    return await _MCP.ready()


def _load() -> ModuleType:
    import logging

    # What the SDK logs is the server's doing, told in errors; without a handler of the host's own
    # Python would print it on the terminal.
    for name in ("mcp", "client"):
        logging.getLogger(name).addHandler(logging.NullHandler())
    return import_module("llmspell_bridges.mcp.connection")


_MCP = BackgroundImport("mcp", _load, "MCP servers")
