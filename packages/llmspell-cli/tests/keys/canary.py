"""Keys that are planted, and the search for any part of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell_core.redact import forms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WINDOW = 12
"""So much of a key in one piece is one too many."""


def windows(key: str) -> set[bytes]:
    """Cut a key into overlapping pieces, in each of its forms; without its beginning, which is public."""
    pieces: set[bytes] = set()
    for form in forms(key):
        data = form.removeprefix("sk-canary-").encode()
        pieces.update(data[i : i + WINDOW] for i in range(len(data) - WINDOW + 1))
    return pieces


def leaks(keys: Iterable[str], data: bytes | str) -> Iterator[str]:
    """Yield what is around each piece of a key that is in `data`; keys told backwards count too."""
    data = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    for key in keys:
        for piece in (*windows(key), key.encode()[::-1]):
            at = data.find(piece)
            if at >= 0:
                yield f"{key}: {data[max(0, at - 80) : at + 80]!r}"
                break
