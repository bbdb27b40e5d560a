"""What a terminal may be sent: no control characters, and colours only where they are wanted."""

from __future__ import annotations

import os

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
