"""Decompression that never makes more than is asked for: a zip bomb is cut, not unpacked."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE_BYTES = 64 * 1024
ACCEPTED = "gzip, deflate"
_FREE_MEMBERS = 100
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class Inflater:
    """Undoes one `Content-Encoding`, piece by piece."""

    def __init__(self, encoding: str) -> None:
        """Take the header's value.

        Raises:
            ValueError: it is none of those that were asked for.
        """
        name = encoding.strip().lower()
        if name not in ("", "identity", "gzip", "x-gzip", "deflate"):
            text = f"unasked-for Content-Encoding `{encoding[:40]}`"
            raise ValueError(text)
        self._raw_allowed = name == "deflate"
        self._plain = name in ("", "identity")
        self._state = None if self._plain else zlib.decompressobj(_GZIP_OR_ZLIB)
        self._started = False
        self._packed = 0
        self._members = 1

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` unpacks to, at most `PIECE_BYTES` at a time.

        Raises:
            ValueError: it is not what the encoding says.
        """
        if self._state is None:
            yield data
            return
        self._packed += len(data)
        more = bool(data)
        while more:
            if self._state.eof:  # gzip allows several members
                self._count_member()
                self._state = zlib.decompressobj(_GZIP_OR_ZLIB)
            piece = self._inflate(data)
            yield piece
            data = self._state.unused_data if self._state.eof else self._state.unconsumed_tail
            # a full piece may have left some in zlib's own window
            more = bool(data) or (len(piece) == PIECE_BYTES and not self._state.eof)

    def _count_member(self) -> None:
        """Refuse a body of tiny members: each costs more time than a kilobyte of data."""
        self._members += 1
        if self._members > _FREE_MEMBERS + self._packed // 1024:
            text = "the body is compressed in too many small parts"
            raise ValueError(text)

    def _inflate(self, data: bytes) -> bytes:
        assert self._state is not None  # noqa: S101 - for the type checker
        try:
            piece = self._state.decompress(data, PIECE_BYTES)
        except zlib.error:
            if self._started or not self._raw_allowed:
                text = "the body is not compressed as its Content-Encoding says"
                raise ValueError(text) from None
            self._state = zlib.decompressobj(-zlib.MAX_WBITS)  # "deflate" without its frame
            self._raw_allowed = False
            return self._inflate(data)
        self._started = True
        return piece

    def finish(self) -> None:
        """Check that nothing is missing.

        Raises:
            ValueError: the data end in the middle.
        """
        if self._state is not None and self._started and not self._state.eof:
            text = "the compressed body ends in the middle"
            raise ValueError(text)
