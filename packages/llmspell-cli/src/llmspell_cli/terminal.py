"""What a terminal may be sent: no control characters, and colours only where they are wanted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# C0 but for newline and tab, DEL, C1; then the marks, embeddings, overrides and isolates with which
# a text can show itself in another order than it is (Unicode TR 36, "bidirectional text spoofing").
_CONTROL = [*range(9), *range(11, 32), 127, *range(128, 160)]
_BIDIRECTIONAL = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_STRIPPED: dict[int, str | None] = dict.fromkeys([*_CONTROL, *_BIDIRECTIONAL])
_ESCAPED = {code: f"\\u{code:04x}" for code in (127, *range(128, 160), *_BIDIRECTIONAL)}

BOLD, DIM, RED, YELLOW = "1", "2", "31", "33"


def strip_controls(text: str) -> str:
    """Drop control and bidirectional characters; newlines and tabs stay."""
    return text if text.isascii() and text.isprintable() else text.translate(_STRIPPED)


def escape_controls(document: str) -> str:
    """Write such characters in a JSON document as its escapes, which changes no value."""
    return document.translate(_ESCAPED)


def wants_colour(fd: int) -> bool:
    """Say whether `fd` is a terminal whose user has not refused colours (https://no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return os.isatty(fd)


def paint(text: str, style: str, *, wanted: bool) -> str:
    """Colour `text` where colours are wanted."""
    return f"\x1b[{style}m{text}\x1b[0m" if wanted and text else text


def visible(text: str) -> str:
    """Write a text that somebody else chose in one line, with escapes for all that cannot be seen.

    Not only controls and bidirectional marks: what has no width, or is a space of another kind, would
    make the name that is granted another one than the name that is read.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shortened(text: str, columns: int) -> str:
    """Cut a text that is too wide in its middle: of a path and of a host, the end says most."""
    if sum(map(_columns, text)) <= columns:
        return text
    head = _fitting(text, columns // 3)
    tail = _fitting(reversed(text), columns - columns // 3 - 1)
    return f"{head}…{tail[::-1]}"


def _fitting(text: Iterable[str], columns: int) -> str:
    found: list[str] = []
    for character in text:
        columns -= _columns(character)
        if columns < 0:
            break
        found.append(character)
    return "".join(found)


def _columns(character: str) -> int:
    """Count the columns that a character takes at most."""
    if character.isascii():
        return 1
    from unicodedata import east_asian_width

    return 2 if east_asian_width(character) in "WF" else 1
