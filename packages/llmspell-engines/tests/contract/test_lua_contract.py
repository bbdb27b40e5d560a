"""The Lua engine keeps the contract."""

from __future__ import annotations

from llmspell_core.engine import EngineConfig
from llmspell_engines.lua import LuaEngine
from llmspell_testkit import EngineContract


class TestLua(EngineContract):
    """In workers, and in this process."""

    engine = LuaEngine
    configs = (EngineConfig(), EngineConfig(isolation="inproc"))
