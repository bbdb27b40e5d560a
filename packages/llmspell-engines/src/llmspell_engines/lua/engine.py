"""The Lua engine, as the host sees it."""

from __future__ import annotations

from llmspell_core.engine import EngineInfo
from llmspell_engines.host.capabilities import COMMON, COMMON_TRAITS
from llmspell_engines.host.engine import WorkerEngine


class LuaEngine(WorkerEngine):
    """Runs Lua 5.4. Text and valid UTF-8 bytes are one thing in Lua, so it lacks ``bytes``."""

    info = EngineInfo(
        name="lua",
        language="Lua",
        version="5.4",
        suffixes=(".lua",),
        comment="--",
        capabilities=COMMON,
        traits=COMMON_TRAITS | {"float_identity"},
    )
    guest = "llmspell_engines.lua.guest:LuaGuest"
