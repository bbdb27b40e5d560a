"""Lua as on macOS: a worker that finds itself there, as far as Linux can pretend."""

from __future__ import annotations

import sys

from llmspell_engines.lua import guest
from llmspell_engines.lua.guest import LuaGuest


def preload() -> None:
    """Be elsewhere from now on."""
    guest.preload()
    sys.platform = "darwin"


__all__ = ["LuaGuest"]
