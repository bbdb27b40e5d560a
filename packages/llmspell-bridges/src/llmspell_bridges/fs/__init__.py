"""The bridge `fs`: files and folders that the run was granted."""

from __future__ import annotations

from llmspell_bridges.fs.bridge import FsBridge

__all__ = ["FsBridge"]
