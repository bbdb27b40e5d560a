"""Answers kept on disk, so that the same request need not be paid for twice.

SQLite of the standard library, values in MessagePack. diskcache was looked at: its last release is
of 2023, and `Disk.fetch`, which its JSONDisk calls too, unpickles a row that says it is a pickle.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import suppress
from time import time
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY, made REAL NOT NULL, used REAL NOT NULL, bytes INTEGER NOT NULL,
    value BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS by_use ON answers (used, bytes);
"""
_BUSY_S = 2.0  # how long a call waits for another process that writes, before it does without
_USED_EVERY_S = 60.0  # how exact "last used" is: a hit need not write each time
_SMALLEST_PART = 8  # one answer may take up to this part of the whole


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as it is kept: `text` where it is a text record, and its fields."""

    fields: dict[str, Any]
    text: str | None = None


class AnswerCache:
    """Answers by key, in a file of the user's alone (0600), the least used removed first.

    A cache that cannot be read or written is no error: the request is made instead.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        """Name the file; it is made when it is first needed."""
        self._path = path
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def get(self, key: bytes, max_age_s: float | None) -> Stored | None:
        """Return what is kept under `key`, unless it is older than `max_age_s` (None: any age)."""
        with self._lock, suppress(OSError, sqlite3.Error, msgspec.DecodeError):
            return self._get(self._open(), key, max_age_s)
        return None

    def put(self, key: bytes, text: str | None, fields: dict[str, Any]) -> None:
        """Keep an answer, and remove the least used while all of them are too large."""
        value = msgspec.msgpack.encode(Stored(text=text, fields=fields))
        if len(value) > self._max_bytes // _SMALLEST_PART:
            return
        with self._lock, suppress(OSError, sqlite3.Error):
            connection = self._open()
            with connection:
                now = time()
                row = (key, now, now, len(value), value)
                connection.execute("REPLACE INTO answers VALUES (?, ?, ?, ?, ?)", row)
                self._shrink(connection)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @staticmethod
    def _get(connection: sqlite3.Connection, key: bytes, max_age_s: float | None) -> Stored | None:
        question = "SELECT made, used, value FROM answers WHERE key = ?"
        row = connection.execute(question, (key,)).fetchone()
        now = time()
        if row is None or (max_age_s is not None and not 0 <= now - row[0] <= max_age_s):
            return None
        if now - row[1] > _USED_EVERY_S:
            with connection:
                connection.execute("UPDATE answers SET used = ? WHERE key = ?", (now, key))
        return msgspec.msgpack.decode(row[2], type=Stored)

    def _shrink(self, connection: sqlite3.Connection) -> None:
        (total,) = connection.execute("SELECT SUM(bytes) FROM answers").fetchone()
        excess = total - self._max_bytes
        if excess <= 0:
            return
        keys: list[tuple[bytes]] = []
        for key, size in connection.execute("SELECT key, bytes FROM answers ORDER BY used, made"):
            keys.append((key,))
            excess -= size
            if excess <= 0:
                break
        connection.executemany("DELETE FROM answers WHERE key = ?", keys)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            try:
                self._connection = self._connect()
            except sqlite3.OperationalError:  # locked, or no space: not the file's fault
                raise
            except sqlite3.DatabaseError:  # not a database, or a damaged one: start anew
                self._path.unlink()
                self._connection = self._connect()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # SQLite would make it for everybody to read; its own further files take this one's mode.
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        descriptor = os.open(self._path, flags, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
        connection = sqlite3.connect(self._path, timeout=_BUSY_S, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(_SCHEMA)
        except BaseException:
            connection.close()
            raise
        return connection
