"""What every spell has without a bridge, described: the guests hold it, this documents it."""

from __future__ import annotations

from llmspell_bridges.builtin.reference import BUILTINS, Builtin, find

__all__ = ["BUILTINS", "Builtin", "find"]
