"""Our bridges keep the contract of bridges, each over its library, with an empty `known_failures`."""

from __future__ import annotations

from llmspell_bridges.contracts.fs import FsContract
from llmspell_bridges.contracts.http import HttpContract
from llmspell_bridges.contracts.llm import LlmContract
from llmspell_bridges.contracts.mcp import McpContract
from llmspell_bridges.contracts.tools import ToolsContract
from llmspell_bridges.contracts.util import UtilContract
from llmspell_bridges.contracts.workflow import WorkflowContract


class TestFs(FsContract):
    """`fs`, on the real disk."""


class TestHttp(HttpContract):
    """`http`, over real connections."""


class TestLlm(LlmContract):
    """`llm`, through the real litellm."""


class TestMcp(McpContract):
    """`mcp`, through the real SDK."""


class TestTools(ToolsContract):
    """`tools`, with tools of a script."""


class TestUtil(UtilContract):
    """`util.retry`."""


class TestWorkflow(WorkflowContract):
    """`workflow`, over the real langgraph."""
