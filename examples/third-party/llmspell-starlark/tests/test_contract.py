"""Starlark keeps the contract of engines, but for what it declines."""

from pathlib import Path

from llmspell_starlark import StarlarkEngine

from llmspell_core import EngineConfig
from llmspell_testkit import EngineContract


class TestStarlark(EngineContract):
    """The contract's cases, in Starlark."""

    engine = StarlarkEngine
    configs = (EngineConfig(isolation="inproc"),)
    sources = Path(__file__).with_name("starlark_sources.toml")
