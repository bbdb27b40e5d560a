"""A CSV text as the one table of an SQLite database in memory, asked in SQL.

What SQL may do is decided by SQLite's authorizer, statement by statement: read that table, and
call functions that make no large values. There is no other table, file, setting or extension.
"""

from __future__ import annotations

import csv
import io
import math
import re
import sqlite3
from itertools import islice
from typing import TYPE_CHECKING, Any

from llmspell_bridges.bounded.jobs import ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TABLE = "csv"
MAX_COLUMNS = 1000
_MAX_CELL_BYTES = 1024 * 1024
_FUNCTIONS = frozenset(
    [
        "abs",
        "avg",
        "ceil",
        "ceiling",
        "coalesce",
        "concat",
        "count",
        "date",
        "datetime",
        "dense_rank",
        "first_value",
        "floor",
        "group_concat",
        "ifnull",
        "iif",
        "instr",
        "julianday",
        "lag",
        "last_value",
        "lead",
        "length",
        "like",
        "glob",
        "lower",
        "ltrim",
        "max",
        "min",
        "mod",
        "nullif",
        "ntile",
        "percent_rank",
        "power",
        "rank",
        "replace",
        "round",
        "row_number",
        "rtrim",
        "sign",
        "sqrt",
        "strftime",
        "string_agg",
        "substr",
        "substring",
        "sum",
        "time",
        "total",
        "trim",
        "trunc",
        "typeof",
        "unixepoch",
        "upper",
    ]
)
_ALLOWED = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE)
_LIMITS = (
    (sqlite3.SQLITE_LIMIT_LENGTH, 2 * _MAX_CELL_BYTES),
    (sqlite3.SQLITE_LIMIT_SQL_LENGTH, 20_000),
    (sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 200),
    (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 100),
    (sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 20),
)
_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]{0,17})")
_REAL = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]+)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")


def query(*, text: bytes, sql: str, delimiter: str | None, max_rows: int) -> list[dict[str, Any]]:
    """Run one SELECT over the table ``csv``; return its rows.

    Raises:
        ProblemError: the text is no CSV, the SQL is wrong, or there are too many rows.
    """
    names, rows = _table(text, delimiter)
    database = sqlite3.connect(":memory:", isolation_level=None)
    for what, most in _LIMITS:
        database.setlimit(what, most)
    database.execute("PRAGMA temp_store = MEMORY")
    columns = ", ".join(f'"{name}"' for name in names)
    try:
        database.execute(f'CREATE TABLE "{TABLE}" ({columns})')
        marks = ", ".join("?" * len(names))
        database.executemany(f'INSERT INTO "{TABLE}" VALUES ({marks})', rows)  # noqa: S608 - our own names and marks
    except sqlite3.Error as error:
        raise ProblemError(f"the CSV cannot be read: {error}") from None
    refused: list[str] = []
    database.set_authorizer(_authorizer(refused))
    try:
        found = database.execute(sql)
        if found.description is None:
            raise ProblemError("the SQL gives no rows: write one SELECT")
        keys = _unique([column[0] for column in found.description])
        answer = [_named(keys, row) for row in islice(found, max_rows + 1)]
    except (sqlite3.Error, sqlite3.Warning) as error:
        why = f"{refused[0]} is not permitted" if refused else str(error)
        known = ", ".join(names[:50])
        raise ProblemError(
            f"the SQL is wrong: {why}; the table `{TABLE}` has the columns {known}"
        ) from None
    if len(answer) > max_rows:
        raise ProblemError(f"there are more than {max_rows:,} rows; add LIMIT, or aggregate")
    return answer


def _named(keys: list[str], row: tuple[Any, ...]) -> dict[str, Any]:
    """Name a row's values; what is NULL is left out, because Lua's `null` is true."""
    return {key: value for key, value in zip(keys, row, strict=True) if value is not None}


def _authorizer(refused: list[str]) -> Any:
    def decide(action: int, first: str | None, second: str | None, *_: str | None) -> int:
        if action in _ALLOWED:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ and not (first or "").startswith(("sqlite_", "pragma_")):
            return sqlite3.SQLITE_OK  # the table, a common table expression or a subquery
        if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _FUNCTIONS:
            return sqlite3.SQLITE_OK
        refused.append(f"the function `{second}`" if action == sqlite3.SQLITE_FUNCTION else "this")
        return sqlite3.SQLITE_DENY

    return decide


def _table(data: bytes, delimiter: str | None) -> tuple[list[str], Iterator[list[Any]]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProblemError(f"the CSV is not UTF-8 text (byte {error.start})") from None
    csv.field_size_limit(_MAX_CELL_BYTES)
    first = text[:10_000].partition("\n")[0]
    mark = delimiter or max(",;\t|", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark)
    lines = _lines(reader)
    head = next(lines, None)
    if not head:
        raise ProblemError("the CSV is empty: its first line names the columns")
    if len(head) > MAX_COLUMNS:
        raise ProblemError(f"the CSV has more than {MAX_COLUMNS:,} columns")
    names = _unique([_name(name, at) for at, name in enumerate(head, 1)])
    kept = [line for line in lines if line]
    numeric = [_is_numeric(kept, at) for at in range(len(names))]
    return names, (_row(line, numeric) for line in kept)


def _lines(reader: Iterable[list[str]]) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise ProblemError(f"the CSV cannot be read: {error}") from None


def _name(name: str, at: int) -> str:
    return name.strip().replace('"', "").replace("\0", "")[:200] or f"column{at}"


def _unique(names: Iterable[str]) -> list[str]:
    """Number the names that were there before: SQLite takes `a` and `A` for the same."""
    found: dict[str, str] = {}
    for name in names:
        free, number = name, 2
        while free.lower() in found:
            free, number = f"{name}_{number}", number + 1
        found[free.lower()] = free
    return list(found.values())


def _is_numeric(rows: list[list[str]], at: int) -> bool:
    """Say whether a column holds numbers alone: a code such as `007` is none."""
    cells = (row[at].strip() for row in rows if at < len(row))
    return all(not cell or _number(cell) is not None for cell in cells)


def _number(cell: str) -> int | float | None:
    if _INTEGER.fullmatch(cell):
        return int(cell)
    return float(cell) if _REAL.fullmatch(cell) and math.isfinite(float(cell)) else None


def _row(line: list[str], numeric: list[bool]) -> list[Any]:
    """Make a row of a line: a cell that is empty, or not there, is NULL."""
    cells = [*line[: len(numeric)], *[""] * (len(numeric) - len(line))]
    pairs = zip(cells, numeric, strict=True)
    return [(_number(cell.strip()) if is_number else cell or None) for cell, is_number in pairs]
