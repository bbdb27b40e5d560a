"""Agents: pydantic-ai's loop over the models of `llm` and the tools of `tools`."""

from __future__ import annotations

from llmspell_bridges.agent.config import AgentConfig
from llmspell_bridges.agent.door import ModelDoor
from llmspell_bridges.agent.handle import AgentHandle
from llmspell_bridges.agent.making import make_agent

__all__ = ["AgentConfig", "AgentHandle", "ModelDoor", "make_agent"]
