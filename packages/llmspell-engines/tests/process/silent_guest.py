"""Guests whose workers begin to say READY, and never end; or say it without what belongs to it."""

from __future__ import annotations

import os
import time

from fake_guest import FakeGuest

from llmspell_engines.protocol import HEADER, READY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_engines.worker.guests import Emit


class HalfReadyGuest(FakeGuest):
    """Writes half of a frame."""

    def __init__(self, emit: Emit, memory_bytes: int | None) -> None:
        super().__init__(emit, memory_bytes)
        os.write(3, HEADER.pack(1000, READY, 0, 0, 0) + b"x" * 500)
        time.sleep(60)


class NamelessGuest(FakeGuest):
    """Says READY itself, without a level."""

    def __init__(self, emit: Emit, memory_bytes: int | None) -> None:
        super().__init__(emit, memory_bytes)
        emit(READY, 0, b"\x80")


class BoastfulGuest(FakeGuest):
    """Says READY with a megabyte of it."""

    def __init__(self, emit: Emit, memory_bytes: int | None) -> None:
        super().__init__(emit, memory_bytes)
        emit(READY, 0, b"\x81\xa5level\xc6" + (1_000_000).to_bytes(4, "big") + bytes(1_000_000))
