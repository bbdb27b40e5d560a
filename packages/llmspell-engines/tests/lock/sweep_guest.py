"""A guest that makes the system calls whose numbers it is given, all arguments -1."""

from __future__ import annotations

import json

from llmspell_engines.protocol import DONE
from llmspell_testkit.hostile.attack.system import call_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_engines.worker.guests import Emit


class SweepGuest:
    """Reports number and errno of each; 0 where it succeeded."""

    engine = "sweep"
    version = "Sweep 1"

    def __init__(self, emit: Emit, memory_bytes: int | None) -> None:
        self.emit = emit

    def put(self, kind: int, id: int, payload: bytes, clock_ms: int) -> None:
        found = [(number, self.errno_of(number)) for number in json.loads(payload)]
        self.emit(DONE, 0, json.dumps(found).encode())

    def errno_of(self, number: int) -> int:
        try:
            call_number(number, -1, -1, -1, -1, -1, -1)
        except OSError as error:
            return error.errno or 0
        return 0

    def close(self) -> None:
        """Nothing is held."""
