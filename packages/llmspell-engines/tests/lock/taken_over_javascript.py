"""The real JavaScript engine, whose script makes the attempt through a hole that this guest is.

What a script prints leaves on V8's own thread, so the attempt is made there.
"""

from __future__ import annotations

from taken_over import InTheMiddle

from llmspell_engines.javascript import guest
from llmspell_testkit.hostile.attack import prepare


def preload() -> None:
    """Prepare as the real engine does."""
    prepare()
    guest.preload()


class AttackGuest(InTheMiddle, guest.JavaScriptGuest):
    """Makes the attempt when the spell prints."""
