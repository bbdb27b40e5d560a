"""Lua on a kernel where Landlock is switched off."""

from __future__ import annotations

import errno

from kernels import answer

from llmspell_engines.lua import guest
from llmspell_engines.lua.guest import LuaGuest
from llmspell_engines.worker.lock import landlock


def preload() -> None:
    """Take Landlock away from every worker."""
    guest.preload()
    landlock.call = answer(errno.EOPNOTSUPP)


__all__ = ["LuaGuest"]
