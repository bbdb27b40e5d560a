"""On which line each key of a TOML text stands: tomllib does not say.

It follows strings, comments and brackets, so it finds every key and table of a valid text. Of keys
in nested inline tables it knows the line, not always the full path; `line_of` then takes the line
of what holds them. In a text that is not TOML it stops where it no longer follows: tomllib says
what is wrong there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str, ...]
MAX_PARTS = 8

TOKEN = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?!")'
    r"|'''.*?'''(?!')"
    r"|\"\"\"|'''"  # a string that is never closed
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[^\s\[\]{}=.,\"'#]+"
    r"|[\[\]{}=.,\"'\n]",
    re.DOTALL,
)
"""What a TOML text is made of, spaces apart; see `key_lines`."""
_UNCLOSED = ('"', "'", '"""', "'''")
_MARKS = "[]{}=.,\n"


class TooDeepError(ValueError):
    """A key has more parts than `MAX_PARTS`; `line` says where."""

    def __init__(self, line: int) -> None:
        """Keep the line."""
        super().__init__(f"a key of more than {MAX_PARTS} parts")
        self.line = line


def key_lines(text: str) -> dict[Path, int]:
    """Map the path of each key and table to its line, the first being 1.

    It runs before tomllib, which needs memory quadratic in a dotted key's parts: 800 KB of ``a.a.a``
    took all there was.

    Raises:
        TooDeepError: a dotted key has more than `MAX_PARTS` parts.
    """
    lines: dict[Path, int] = {}
    table: Path = ()
    key: Path = ()
    depth = 0
    header = in_value = False
    for mark, parts, line in _steps(text):
        if mark == "\n":
            if depth == 0:
                header = in_value = False
        elif mark == "=":
            if not in_value:
                key, in_value = (*table, *parts), True
                lines.setdefault(key, line)
            else:
                lines.setdefault((*key, *parts), line)
        elif in_value:
            depth += (mark in "[{") - (mark in "]}")
        elif mark == "[":
            header = True
        elif mark == "]" and header and parts:
            table, header = parts, False
            lines.setdefault(table, line)
    return lines


def line_of(lines: dict[Path, int], path: Path) -> int:
    """Return the line of `path`, or of the nearest thing that holds it; 1 where nothing does."""
    for end in range(len(path), 0, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return 1


def _steps(text: str) -> Iterator[tuple[str, Path, int]]:
    """Yield each mark that is no dot, the dotted name before it, and its line."""
    line = 1
    parts: list[str] = []
    joined = False
    for found in TOKEN.finditer(text):
        mark = found[0]
        if mark in _UNCLOSED:
            return
        if mark == ".":
            joined = True
        elif mark in _MARKS:
            yield mark, tuple(parts), line
            parts, joined = [], False
        elif not mark.startswith("#"):
            parts = [*parts, name_of(mark)] if joined else [name_of(mark)]
            joined = False
            if len(parts) > MAX_PARTS:
                raise TooDeepError(line)
        line += mark.count("\n")


def name_of(token: str) -> str:
    """Read a bare or a quoted key."""
    if token[0] not in "\"'":
        return token
    if token.startswith(('"""', "'''")) or "\\" not in token or token[0] == "'":
        return token[1:-1]
    from tomllib import TOMLDecodeError, loads

    try:
        return str(loads(f"k={token}")["k"])
    except TOMLDecodeError:
        return token
