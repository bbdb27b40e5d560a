"""A guest that makes the attempt it is told, as code does that took a worker over.

START's payload is the attempt's name, a space, and its scene. The worker imports nothing after the
lock that it does not have.
"""

from __future__ import annotations

from llmspell_engines.protocol import DONE
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
