"""The bridge `mcp`: other programs' tools, resources and prompts, over the Model Context Protocol."""

from __future__ import annotations

from llmspell_bridges.mcp.bridge import McpBridge

__all__ = ["McpBridge"]
