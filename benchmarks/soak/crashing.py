"""A guest that ends its own process, as an engine with a fatal mistake would."""

from __future__ import annotations

import os

import msgspec

from llmspell_engines import protocol as p

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_engines.worker.guests import Emit


class CrashingGuest:
    """Does what the spell's source names."""

    engine = "crashing"
    version = "1"

    def __init__(self, emit: Emit, memory_bytes: int | None) -> None:
        """Keep how to speak."""
        self.emit = emit
        self.memory_bytes = memory_bytes

    def put(self, kind: int, _: int, payload: bytes, __: int) -> None:
        """Obey a START."""
        if kind == p.START:
            getattr(self, msgspec.msgpack.decode(payload)["source"])()

    def close(self) -> None:
        """Nothing is held."""

    def segfault(self) -> None:
        """Read address 0."""
        import ctypes

        ctypes.string_at(0)

    def abort(self) -> None:
        """End by SIGABRT, where the kernel lock lets it."""
        os.abort()

    def leave(self) -> None:
        """Exit in the middle of a message."""
        os.write(3, p.HEADER.pack(1000, p.DONE, 0, 0, 0) + b"x" * 10)
        os._exit(3)

    def babble(self) -> None:
        """Say what is no frame."""
        os.write(3, b"\xff" * 100)

    def bury(self) -> None:
        """Return a value of 180,000 lists in one another."""
        self.emit(p.DONE, 0, b"\xdd" + (3000).to_bytes(4, "big") + (b"\x91" * 58 + b"\x90") * 3000)
