"""Starlark for llmspell: an engine that a distribution of its own adds."""

from llmspell_starlark.engine import StarlarkEngine

__all__ = ["StarlarkEngine"]
