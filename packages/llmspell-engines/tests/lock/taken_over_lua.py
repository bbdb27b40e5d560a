"""The real Lua engine, whose script makes the attempt through a hole that this guest is."""

from __future__ import annotations

from taken_over import InTheMiddle

from llmspell_engines.lua import guest
from llmspell_testkit.hostile.attack import prepare


def preload() -> None:
    """Prepare as the real engine does."""
    prepare()
    guest.preload()


class AttackGuest(InTheMiddle, guest.LuaGuest):
    """Makes the attempt when the spell prints."""
