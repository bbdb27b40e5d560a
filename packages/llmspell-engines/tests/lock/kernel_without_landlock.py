"""Lua on a kernel that is too old for Landlock."""

from __future__ import annotations

import errno

from kernels import WithoutSeccomp, answer

from llmspell_engines.lua import guest
from llmspell_engines.lua.guest import LuaGuest
from llmspell_engines.worker.lock import landlock


def preload() -> None:
    """Take Landlock away from every worker."""
    guest.preload()
    landlock.call = answer(errno.ENOSYS)


__all__ = ["LuaGuest", "WithoutSeccomp"]
