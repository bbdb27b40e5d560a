"""A guest that behaves: it makes as many calls as its parameter says, one after another."""

from __future__ import annotations

import msgspec

from llmspell_engines import protocol as p

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_engines.worker.guests import Emit

pack = msgspec.msgpack.encode


class GoodGuest:
    """Counts up by asking the host, and returns what it came to."""

    engine = "good"
    version = "1"

    def __init__(self, emit: Emit, memory_bytes: int | None) -> None:
        self.emit = emit
        self.left = 0
        self.value = 0

    def put(self, kind: int, id: int, payload: bytes, clock_ms: int) -> None:
        """Begin, or take an answer and ask again."""
        body = msgspec.msgpack.decode(payload)
        if kind == p.START:
            self.left = body["params"]["calls"]
        elif kind == p.RESULT:
            self.value = body
        if not self.left:
            self.emit(p.DONE, 0, pack(self.value))
            return
        self.left -= 1
        self.emit(p.CALL, self.left + 1, pack(["demo", "next", [self.value]]))

    def close(self) -> None:
        """Nothing is held."""
