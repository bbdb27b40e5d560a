"""Reading a spell's source."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from llmspell_core.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

MAX_SOURCE_BYTES = 4 * 1024 * 1024


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A spell's text, its name in errors, and the file it came from."""

    text: str
    name: str
    path: str | None = None

    @property
    def suffix(self) -> str:
        """The file's suffix with its dot, lower case; empty without one."""
        return os.path.splitext(self.name)[1].lower()  # noqa: PTH122 - pathlib costs 5 ms here


def read_source(path: str | Path) -> Source:
    """Read a spell's file.

    Raises:
        ConfigurationError: it cannot be read, is too large, is not UTF-8 or holds NUL bytes.
    """
    where = os.fspath(path)
    try:
        with open(where, "rb") as file:  # noqa: PTH123 - pathlib costs 5 ms here
            data = file.read(MAX_SOURCE_BYTES + 1)
    except OSError as error:
        text = f"cannot read the spell {where}: {(error.strerror or str(error)).lower()}"
        raise ConfigurationError(text, file=where) from error
    check_size(len(data), where)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"{where}:{line}: the spell is not UTF-8 text (byte 0x{data[error.start]:02x})"
        raise ConfigurationError(message, file=where, line=line) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        message = f"{where}:{line}: the spell holds a NUL byte; is it a text file?"
        raise ConfigurationError(message, file=where, line=line)
    return Source(text=text, name=os.path.basename(where), path=where)  # noqa: PTH119


def check_size(count: int, where: str) -> None:
    """Refuse a source that is too large.

    Raises:
        ConfigurationError: it has more than `MAX_SOURCE_BYTES`.
    """
    if count > MAX_SOURCE_BYTES:
        text = f"the spell {where} is larger than {MAX_SOURCE_BYTES // 1024 // 1024} MiB"
        raise ConfigurationError(text, file=where)
