"""What the host and a model's child process say to each other: length-prefixed MessagePack.

Four bytes of length, big-endian, then one `Order` (host to child) or one `Report` (child to host).
"""

from __future__ import annotations

import struct
from typing import Any, Literal

import msgspec

MAX_FRAME_BYTES = 16 * 1024 * 1024
_LENGTH = struct.Struct(">I")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """The host's message: load a model, answer a request, or stop answering it."""

    op: Literal["load", "chat", "embed", "cancel"]
    id: int = 0
    body: dict[str, Any] = {}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The child's message about request `id`; `fatal` says that it cannot go on at all."""

    kind: Literal["ready", "chunk", "done", "error", "fatal"]
    id: int = 0
    body: dict[str, Any] = {}


class FrameTooLargeError(ValueError):
    """A frame is larger than `MAX_FRAME_BYTES`."""


def pack(message: Order | Report) -> bytes:
    """Encode one message as a frame.

    Raises:
        FrameTooLargeError: it would be larger than `MAX_FRAME_BYTES`.
    """
    payload = msgspec.msgpack.encode(message)
    if len(payload) > MAX_FRAME_BYTES:
        text = f"{len(payload)} bytes are more than the {MAX_FRAME_BYTES} a frame may hold"
        raise FrameTooLargeError(text)
    return _LENGTH.pack(len(payload)) + payload


class Unpacker:
    """Cut a byte stream into the payloads of its frames."""

    def __init__(self) -> None:
        """Start with nothing received."""
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take what arrived; return the payloads that are complete now.

        Raises:
            FrameTooLargeError: a frame announces more than `MAX_FRAME_BYTES`.
        """
        self._buffer += data
        found: list[bytes] = []
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > MAX_FRAME_BYTES:
                text = f"a frame announces {length} bytes, more than {MAX_FRAME_BYTES}"
                raise FrameTooLargeError(text)
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                break
            found.append(bytes(self._buffer[_LENGTH.size : end]))
            del self._buffer[:end]
        return found
