"""The real Lua engine, whose script makes the attempt through a hole that this guest is."""

from __future__ import annotations

import taken_over

from llmspell_engines.lua import guest
from llmspell_engines.protocol import DONE, LOG, START
from llmspell_testkit.hostile.attack import prepare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_engines.worker.guests import Emit


def preload() -> None:
    """Prepare as the real engine does."""
    prepare()
    guest.preload()


class AttackGuest(guest.LuaGuest):
    """Takes the attempt's order and a spell that prints; makes the attempt when it does."""

    def __init__(self, emit: Emit, memory_bytes: int | None) -> None:
        self._tell = emit
        self._order = b""
        super().__init__(self._hear, memory_bytes)

    def put(self, kind: int, id: int, payload: bytes, clock_ms: int) -> None:
        if kind == START:
            self._order, _, payload = payload.partition(b"\n")
        super().put(kind, id, payload, clock_ms)

    def _hear(self, kind: int, id: int, payload: bytes) -> None:
        """Make the attempt in the middle of the script, on the thread that runs it."""
        if kind == LOG:
            self._tell(DONE, 0, taken_over.make_attempt(self._order))
