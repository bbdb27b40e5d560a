"""Starlark keeps the contract of engines, but for what it declines."""

from llmspell_starlark.contract import StarlarkContract


class TestStarlark(StarlarkContract):
    """Nothing is excused: there are no `known_failures`."""
