"""The Lua engine: Lua 5.4 through lupa, in workers.

The engine class is imported when it is first asked for: the worker imports this package too, and
must not pay for the host's side.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_engines.lua.engine import LuaEngine as LuaEngine

__all__ = ["LuaEngine"]


def __getattr__(name: str) -> object:
    """Import the engine on first use (PEP 562)."""
    if name == "LuaEngine":
        from llmspell_engines.lua.engine import LuaEngine

        return LuaEngine
    text = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(text)
