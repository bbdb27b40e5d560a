"""The bridge `llm`: language models through litellm."""

from __future__ import annotations

from llmspell_bridges.llm.bridge import LlmBridge

__all__ = ["LlmBridge"]
