"""The framing between host and worker: kinds, header, chunking. See `docs/protocol.md`.

Both sides use this module. A worker's start-up time is a feature, so it imports `struct` alone.
"""

from __future__ import annotations

from struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    Message: TypeAlias = tuple[int, int, bytes, int]
    """``(kind, id, payload, clock_ms)``: the order of `Guest.put`'s arguments."""

LAYERS = ("landlock", "seccomp")
"""The layers of the kernel lock, see `worker/lock`."""
FRAME_BYTES = 1024 * 1024
"""The largest payload of one frame."""
MESSAGE_BYTES = 16 * 1024 * 1024
"""The largest payload of one message, all its frames together."""

START, RESULT, ERROR, INVOKE, CANCEL, VALIDATE = range(1, 7)
READY, CALL, DONE, FAILED, LOG, RETURN, RAISE, CANCEL_CALL, RELEASE = range(64, 73)

HOST_KINDS = frozenset(range(START, VALIDATE + 1))
"""What a host may send."""
GUEST_KINDS = frozenset(range(READY, RELEASE + 1))
"""What a worker may send."""

EXT_HANDLE, EXT_CALLBACK, EXT_TEXT_RECORD, EXT_BUILDER = range(1, 5)
METHOD_STREAMS = 1
"""A method's flag: calling it is answered with a stream handle."""

MORE = 1
HEADER = Struct("!IBBII")
"""length, kind, flags, id, clock_ms."""
HEADER_BYTES = HEADER.size


class ProtocolViolation(Exception):  # noqa: N818 - the protocol's own word for it
    """The other side broke the framing; nothing it says can be trusted any more."""


def frames(kind: int, id: int, payload: bytes, clock_ms: int = 0) -> Iterator[bytes]:
    """Cut one message into frames of at most `FRAME_BYTES`, headers included.

    Raises:
        ValueError: the payload is larger than `MESSAGE_BYTES`.
    """
    size = len(payload)
    if size <= FRAME_BYTES:
        yield HEADER.pack(size, kind, 0, id, clock_ms) + payload
        return
    if size > MESSAGE_BYTES:
        text = f"a message of {size:,} bytes is larger than {MESSAGE_BYTES:,}"
        raise ValueError(text)
    for start in range(0, size, FRAME_BYTES):
        part = payload[start : start + FRAME_BYTES]
        more = MORE if start + FRAME_BYTES < size else 0
        yield HEADER.pack(len(part), kind, more, id, clock_ms) + part


class FrameReader:
    """Puts messages together from the bytes of a stream, and refuses everything malformed.

    `feed` bytes as they arrive, then `take` messages until it says None. What it holds is
    bounded by one message and one `feed`. After a violation it is of no further use.
    """

    def __init__(self, kinds: frozenset[int], *, clock: bool) -> None:
        """Accept `kinds` only; `clock` says whether this direction carries a clock."""
        self._kinds = kinds
        self._clock = clock
        self._buffer: bytes | bytearray = b""
        self._at = 0
        self._partial: bytearray | None = None
        self._expected = (0, 0)

    @property
    def pending_bytes(self) -> int:
        """Bytes held that are not yet part of a message taken."""
        return len(self._buffer) - self._at + len(self._partial or b"")

    def feed(self, data: bytes) -> None:
        """Append what arrived."""
        if self._at == len(self._buffer):
            self._buffer = data
        else:
            # bytearray: appending many small reads to a large frame must not copy it each time
            if not isinstance(self._buffer, bytearray):
                self._buffer = bytearray(self._buffer[self._at :])
            else:
                del self._buffer[: self._at]
            self._buffer += data
        self._at = 0

    def take(self) -> Message | None:
        """Return the next whole message, or None when more bytes are needed.

        Raises:
            ProtocolViolation: an unknown kind, wrong flags, a length over the bound, chunks
                that are interleaved, or a clock where there is none.
        """
        while True:
            start = self._at + HEADER_BYTES
            if len(self._buffer) < start:
                return None
            length, kind, flags, id, clock_ms = HEADER.unpack_from(self._buffer, self._at)
            self._check(length, kind, flags, id, clock_ms)
            end = start + length
            if len(self._buffer) < end:
                return None
            payload = self._cut(start, end)
            self._at = end
            if not flags and self._partial is None:
                return kind, id, payload, clock_ms
            if self._partial is None:
                self._partial = bytearray()
                self._expected = (kind, id)
            self._partial += payload
            if not flags:
                payload, self._partial = bytes(self._partial), None
                return kind, id, payload, clock_ms

    def _cut(self, start: int, end: int) -> bytes:
        if isinstance(self._buffer, bytes):
            return self._buffer[start:end]
        # a view, so that a large payload is copied once
        with memoryview(self._buffer) as view:
            return bytes(view[start:end])

    def _check(self, length: int, kind: int, flags: int, id: int, clock_ms: int) -> None:
        """Judge a header before its payload is waited for."""
        if (
            kind in self._kinds
            and length <= FRAME_BYTES
            and not flags
            and not (clock_ms and not self._clock)
            and self._partial is None
        ):
            return
        if kind not in self._kinds:
            raise ProtocolViolation(f"unknown kind {kind}")
        if flags & ~MORE:
            raise ProtocolViolation(f"unknown flags {flags:#x}")
        if length > FRAME_BYTES:
            raise ProtocolViolation(f"a frame of {length:,} bytes")
        if flags and length != FRAME_BYTES:
            raise ProtocolViolation(f"a frame of {length:,} bytes that says more follows")
        if clock_ms and not self._clock:
            raise ProtocolViolation("a clock from a worker")
        if self._partial is not None:
            if (kind, id) != self._expected:
                raise ProtocolViolation("a message inside another one")
            if len(self._partial) + length > MESSAGE_BYTES:
                raise ProtocolViolation(f"a message larger than {MESSAGE_BYTES:,} bytes")
