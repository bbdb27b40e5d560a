"""The smallest change that puts a value into a TOML text: comments and layout stay as they are.

It knows the usual ways to write a table. What it makes of an unusual one may be no TOML, or say
something else: whoever uses it reads the new text and compares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from llmspell_cli.config.toml_lines import TOKEN, name_of

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator, Sequence

    from llmspell_cli.config.toml_lines import Path


def added(text: str, path: tuple[str, str], names: Sequence[str]) -> str:
    """Add `names` to the list at the key `path`, which is made where it is missing.

    Raises:
        ValueError: a name is not UTF-8 text.
    """
    values, _ = _places(text)
    if path in values and text[values[path][0]] == "[":
        return _into_list(text, *values[path], names)
    return put(text, path, f"[{', '.join(map(_quoted, names))}]")


def put(text: str, path: tuple[str, str], value: str) -> str:
    """Set the key `path` to what `value` says in TOML; its table is made where it is missing."""
    values, headers = _places(text)
    newline = "\r\n" if "\r\n" in text else "\n"
    if path in values:
        start, end = values[path]
        return text[:start] + value + text[end:]
    table, key = path
    if (table,) in headers:
        ends = [end for known, (_, end) in values.items() if known[0] == table]
        at = text.find("\n", max(ends)) + 1 if ends else headers[table,]
        before, after = (text[:at], text[at:]) if at else (text, "")
        return f"{_ended(before, newline)}{key} = {value}{newline}{after}"
    before = _ended(text, newline) + (newline if text.strip() else "")
    return f"{before}[{table}]{newline}{key} = {value}{newline}"


def _ended(text: str, newline: str) -> str:
    return text if not text or text.endswith("\n") else text + newline


def _into_list(text: str, start: int, end: int, names: Sequence[str]) -> str:
    """Add names behind the last one; a list of a line each stays one."""
    tokens = [it for it in TOKEN.finditer(text, start, end) if it[0] != "\n" and it[0][0] != "#"]
    last, closing = tokens[-2], tokens[-1].start()
    needs_comma = last[0] not in "[,"
    if "\n" not in text[last.end() : closing]:
        space = "" if last[0] == "[" else ", " if needs_comma else " "
        more = space + ", ".join(map(_quoted, names))
        return text[: last.end()] + more + text[last.end() :]
    newline = "\r\n" if "\r\n" in text else "\n"
    line = text.rfind("\n", 0, last.start()) + 1
    indent = text[line : last.start()]
    indent = indent if indent and not indent.strip() else "    "
    at = text.rfind("\n", 0, closing) + 1
    more = "".join(f"{indent}{_quoted(name)},{newline}" for name in names)
    comma = "," if needs_comma else ""
    return f"{text[: last.end()]}{comma}{text[last.end() : at]}{more}{text[at:]}"


def _quoted(name: str) -> str:
    """Write a text as TOML does: JSON's form is one of its own, but for DEL."""
    return msgspec.json.encode(name).decode().replace("\x7f", "\\u007f")


def _places(text: str) -> tuple[dict[Path, tuple[int, int]], dict[Path, int]]:
    """Find where each value begins and ends, and where the line of each table's header ends."""
    values: dict[Path, tuple[int, int]] = {}
    headers: dict[Path, int] = {}
    table: Path = ()
    for tokens, end in _statements(text):
        marks = [it[0] for it in tokens]
        if marks[0] == "[":
            table = _names(marks)
            headers.setdefault(table, end)
        elif "=" in marks[:-1]:
            equals = marks.index("=")
            path = (*table, *_names(marks[:equals]))
            values[path] = (tokens[equals + 1].start(), tokens[-1].end())
    return values, headers


def _statements(text: str) -> Iterator[tuple[list[re.Match[str]], int]]:
    """Yield the tokens of each header and each value, and where its last line ends."""
    tokens: list[re.Match[str]] = []
    depth = 0
    for found in TOKEN.finditer(text):
        mark = found[0]
        if mark == "\n" and depth == 0 and tokens:
            yield tokens, found.end()
            tokens = []
        elif mark != "\n" and mark[0] != "#":
            depth += (mark in "[{") - (mark in "]}")
            tokens.append(found)
    if tokens:
        yield tokens, len(text)


def _names(marks: Iterable[str]) -> Path:
    return tuple(name_of(mark) for mark in marks if mark not in "[].")
