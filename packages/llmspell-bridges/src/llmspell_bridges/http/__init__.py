"""The bridge `http`: requests to hosts that the run was granted."""

from __future__ import annotations

from llmspell_bridges.http.bridge import HttpBridge

__all__ = ["HttpBridge"]
