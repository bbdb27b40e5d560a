"""The bridge `tools`, and what a tool is: for scripts, agents, workflows and plugins."""

from __future__ import annotations

from llmspell_bridges.tools.box import ToolBox, toolbox
from llmspell_bridges.tools.bridge import ToolsBridge
from llmspell_bridges.tools.handle import ToolHandle
from llmspell_bridges.tools.tool import Tool

__all__ = ["Tool", "ToolBox", "ToolHandle", "ToolsBridge", "toolbox"]
