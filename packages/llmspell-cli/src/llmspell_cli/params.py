"""A spell's parameters: from options, a file and standard input."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core.errors import ConfigurationError, ValidationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

MAX_STDIN_BYTES = 15 * 1024 * 1024
"""A start frame carries 16 MiB, the script included."""
MAX_LINE_BYTES = 1024 * 1024


def gather_params(options: Iterable[str], file: str | None) -> dict[str, Any]:
    """Read ``--params-file``, then ``--param`` options, which win over it.

    Raises:
        ConfigurationError: the file cannot be read, or is not what its suffix says.
        ValidationError: an option is malformed, or a name is given twice.
    """
    params = {} if file is None else read_params(file)
    given: dict[str, Any] = {}
    for option in options:
        name, value = parse_param(option)
        if name in given:
            text = f"parameter `{name}` is given twice"
            raise ValidationError(text, argument=name)
        given[name] = value
    return {**params, **given}


def parse_param(option: str) -> tuple[str, Any]:
    """Read ``name=text`` or ``name:=json``.

    Raises:
        ValidationError: it is neither.
    """
    name, equals, value = option.partition("=")
    if not equals or not name.rstrip(":"):
        text = f"--param {option!r}: expected NAME=TEXT or NAME:=JSON"
        raise ValidationError(text)
    try:
        option.encode()
    except UnicodeEncodeError:
        text = f"parameter {name!r} is not UTF-8 text"
        raise ValidationError(text) from None
    if not name.endswith(":"):
        return name, value
    name = name[:-1]
    try:
        return name, msgspec.json.decode(value)
    except msgspec.DecodeError as error:
        text = f"parameter `{name}` is not JSON: {error}; quote texts, or use {name}=TEXT"
        raise ValidationError(text, argument=name) from None


def read_params(file: str) -> dict[str, Any]:
    """Read a file of parameters: JSON or TOML, by its suffix.

    Raises:
        ConfigurationError: it says what is wrong, and where.
    """
    suffix = os.path.splitext(file)[1].lower()  # noqa: PTH122 - pathlib costs 5 ms here
    if suffix not in (".json", ".toml"):
        text = f"{file}: a file of parameters ends in .json or .toml"
        raise ConfigurationError(text, file=file)
    try:
        with open(file, "rb") as stream:  # noqa: PTH123 - as above
            data = stream.read()
    except OSError as error:
        text = f"cannot read the parameters {file}: {(error.strerror or str(error)).lower()}"
        raise ConfigurationError(text, file=file) from error
    values = _decoded(file, data, suffix)
    if not isinstance(values, dict):
        text = f"{file}: expected an object with a member per parameter"
        raise ConfigurationError(text, file=file)
    return values


def _decoded(file: str, data: bytes, suffix: str) -> Any:
    try:
        if suffix == ".toml":
            import tomllib

            return _without_dates(tomllib.loads(data.decode()))
        import json

        return json.loads(data.decode("utf-8-sig"), object_pairs_hook=_unique)
    except ValueError as error:  # both parsers' errors, and the decoder's, are such
        text = f"{file}: not {suffix[1:].upper()}: {error}"
        raise ConfigurationError(text, file=file) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that has a member twice, which JSON leaves open (RFC 8259, section 4)."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        text = f"the member {twice!r} is there twice"
        raise ValueError(text)
    return found


def _without_dates(value: Any) -> Any:
    """Turn TOML's dates and times into RFC 3339 text: scripts have no type for them."""
    if isinstance(value, dict):
        return {key: _without_dates(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_dates(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


async def stdin_lines() -> AsyncIterator[str]:
    """Read standard input line by line, without their line ends, as they come.

    Raises:
        ValidationError: a line is not UTF-8, or longer than `MAX_LINE_BYTES`.
    """
    import asyncio

    while sys.stdin is not None:
        line = await asyncio.to_thread(sys.stdin.buffer.readline, MAX_LINE_BYTES)
        if not line:
            return
        if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
            text = f"a line of standard input is longer than {MAX_LINE_BYTES // 1024 // 1024} MiB"
            raise ValidationError(text, argument="stdin")
        yield _as_text(line).removesuffix("\n").removesuffix("\r")


def read_stdin() -> str:
    """Read standard input to its end, as text.

    Raises:
        ValidationError: it is not UTF-8, or more than a spell can be given.
    """
    data = b"" if sys.stdin is None else sys.stdin.buffer.read(MAX_STDIN_BYTES + 1)
    if len(data) > MAX_STDIN_BYTES:
        text = f"standard input is larger than {MAX_STDIN_BYTES // 1024 // 1024} MiB"
        raise ValidationError(text, argument="stdin")
    return _as_text(data)


def _as_text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        text = f"standard input is not UTF-8 text (byte 0x{data[error.start]:02x})"
        raise ValidationError(text, argument="stdin") from None
