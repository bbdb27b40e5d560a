"""The bridge `workflow`: langgraph's graphs of agents, tools, functions and other workflows."""

from __future__ import annotations

from llmspell_bridges.workflow.bridge import WorkflowBridge

__all__ = ["WorkflowBridge"]
