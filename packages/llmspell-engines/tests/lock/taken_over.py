"""A guest that makes the attempt it is told, as code does that took a worker over.

START's payload is the attempt's name, a space, and its scene. The worker imports nothing after the
lock that it does not have.
"""

from __future__ import annotations

from llmspell_engines.protocol import DONE, LOG, START
from llmspell_testkit.hostile.attack import ATTEMPTS, Scene, prepare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_engines.worker.guests import Emit


def preload() -> None:
    """Make the executable memory that V8 would have."""
    prepare()


def make_attempt(order: bytes) -> bytes:
    """Make the attempt that `order` names; return its report."""
    name, _, scene = order.partition(b" ")
    return ATTEMPTS[name.decode()].report(Scene.from_json(scene)).to_json()


class AttackGuest:
    """No engine at all: the attempt alone."""

    engine = "attack"
    version = "Attack 1"

    def __init__(self, emit: Emit, memory_bytes: int | None) -> None:
        self.emit = emit

    def put(self, kind: int, id: int, payload: bytes, clock_ms: int) -> None:
        self.emit(DONE, 0, make_attempt(payload))

    def close(self) -> None:
        """Nothing is held."""


class InTheMiddle:
    """Before a real guest's class: its script makes the attempt through a hole that this is.

    It takes the attempt's order, a line break and the start of a spell that prints.
    """

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
            self._tell(DONE, 0, make_attempt(self._order))
