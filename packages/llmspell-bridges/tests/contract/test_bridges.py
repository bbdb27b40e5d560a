"""Our bridges keep the contract of bridges, each over its library, with an empty `known_failures`."""

from __future__ import annotations

from llmspell_bridges.contracts.fs import FsContract
from llmspell_bridges.contracts.http import HttpContract
from llmspell_bridges.contracts.llm import LlmContract
from llmspell_bridges.contracts.mcp import McpContract
from llmspell_bridges.contracts.tools import ToolsContract
from llmspell_bridges.contracts.util import UtilContract
from llmspell_bridges.contracts.workflow import WorkflowContract
from llmspell_core.registry import installed


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


def test_each_bridge_has_a_call_that_waits() -> None:
    """Cancellation is looked at where a library is under way, for every bridge of ours."""
    contracts = [plugin.load() for plugin in installed("llmspell.contracts").values()]
    ours = [it for it in contracts if it.__module__.startswith("llmspell_bridges.")]
    assert len(ours) == 7
    assert [it.__name__ for it in ours if not it.slow] == []
