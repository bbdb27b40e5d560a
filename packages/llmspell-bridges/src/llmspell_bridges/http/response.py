"""What a script gets: a text record of the body, with the rest of the answer as its fields."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core.errors import ConversionError
from llmspell_core.limits import MIB
from llmspell_core.values import Bounds, TextRecord, check_value

if TYPE_CHECKING:
    from collections.abc import Iterable

_JSON_BOUNDS = Bounds(depth=60, nodes=100_000, message_bytes=2 * MIB)
"""What fits in one message beside the body's text."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """An answer's status, final address and headers (names in lower case)."""

    status: int
    url: str
    headers: dict[str, str]

    @property
    def content_type(self) -> str:
        """The media type alone: ``application/json``."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def charset(self) -> str:
        """The encoding that the answer names, where Python knows it; else UTF-8."""
        for part in self.headers.get("content-type", "").split(";")[1:]:
            name, _, value = part.partition("=")
            if name.strip().lower() == "charset":
                return _text_codec(value.strip().strip("\"'"))
        return "utf-8"


def _text_codec(name: str) -> str:
    """Find a codec of text by name; Python's also know ``zlib`` and ``rot13``."""
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        return "utf-8"
    is_text = getattr(found, "_is_text_encoding", True)
    return found.name if is_text and found.name not in ("idna", "punycode") else "utf-8"


def joined_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Join headers of the same name, as the standard says; cookies by line."""
    found: dict[str, str] = {}
    for raw, value in headers:
        name = raw.lower()
        separator = "\n" if name == "set-cookie" else ", "
        found[name] = f"{found[name]}{separator}{value}" if name in found else value
    return found


def make_record(head: Head, data: bytes, *, binary: bool) -> TextRecord:
    """Make the answer; `binary` leaves the body as bytes, as does a body that is no text."""
    fields: dict[str, Any] = {
        "status": head.status,
        "ok": 200 <= head.status < 300,  # noqa: PLR2004 - the standard's own numbers
        "url": head.url,
        "headers": head.headers,
    }
    text = None if binary else _decoded(data, head.charset)
    if text is None:
        return TextRecord("", {**fields, "bytes": data})
    if data and (head.content_type == "application/json" or head.content_type.endswith("+json")):
        fields.update(_parsed(data))
    return TextRecord(text, fields)


def _decoded(data: bytes, charset: str) -> str | None:
    try:
        return data.decode(charset)
    except (UnicodeDecodeError, UnicodeError):
        return None


def _parsed(data: bytes) -> dict[str, Any]:
    """Parse JSON into the field `json`, or say in `json_error` why it is not there."""
    if len(data) > _JSON_BOUNDS.message_bytes:
        most = _JSON_BOUNDS.message_bytes
        return {"json_error": f"larger than {most:,} bytes; use json.decode on the text"}
    try:
        value = msgspec.json.decode(data)
        check_value(value, bounds=_JSON_BOUNDS)
    except (msgspec.DecodeError, RecursionError, ConversionError, UnicodeDecodeError) as error:
        return {"json_error": str(error)}
    return {"json": value}
