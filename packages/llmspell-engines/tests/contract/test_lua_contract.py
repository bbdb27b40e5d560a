"""The Lua engine keeps the contract."""

from __future__ import annotations

from typing import ClassVar

from llmspell_core.engine import EngineConfig
from llmspell_engines.lua import LuaEngine
from llmspell_testkit import EngineContract


class TestLua(EngineContract):
    """In workers, and in this process."""

    engine = LuaEngine
    configs = (EngineConfig(), EngineConfig(isolation="inproc"))
    ratios: ClassVar[dict[str, float]] = {
        "start": 0.1,
        "call": 20,
        "inproc-call": 12,
        "conversion": 3,
        "in_flight": 2.3,
    }
