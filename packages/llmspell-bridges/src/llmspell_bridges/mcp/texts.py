"""Texts that a server sent: hostile, so without control characters and not without end."""

from __future__ import annotations

import unicodedata

NAME_LENGTH = 128
DESCRIPTION_LENGTH = 4096
ERROR_LENGTH = 4096
URI_LENGTH = 2048
_KEPT = "\n\t"
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Controls, and what is not seen: a model would read what its user cannot."""


def line(text: object, most: int = NAME_LENGTH) -> str:
    """Return a text as one line, at most `most` characters long."""
    return " ".join(block(text, most).split())


def block(text: object, most: int = DESCRIPTION_LENGTH) -> str:
    """Return a text of several lines, at most `most` characters long."""
    given = text if isinstance(text, str) else ""
    cut = given[:most] + ("…" if len(given) > most else "")
    if cut.isascii() and cut.isprintable():
        return cut
    return "".join(c for c in cut if c in _KEPT or unicodedata.category(c) not in _HIDDEN)
