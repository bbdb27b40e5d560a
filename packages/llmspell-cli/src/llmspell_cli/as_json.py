"""Script values and errors as JSON.

What JSON lacks is written so: bytes as ``{"$bytes": BASE64}``, the numbers it has no digits for as
the texts ``"NaN"``, ``"Infinity"``, ``"-Infinity"``, a host object as ``{"$handle": TYPE}``. Integers
keep all their digits.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core.values import HandleRef, TextRecord

if TYPE_CHECKING:
    from llmspell_core.errors import Frame, LlmspellError


def plain_json(value: Any) -> Any:
    """Turn a script value into what JSON can say."""
    if isinstance(value, TextRecord):
        return plain_json({**value.fields, "content": str(value)})
    if isinstance(value, dict):
        return {_text(str(key)): plain_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_json(item) for item in value]
    return _scalar(value)


def _scalar(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _NUMBERS[str(value)]
    if isinstance(value, bytes):
        from base64 import b64encode

        return {"$bytes": b64encode(value).decode()}
    if isinstance(value, HandleRef):
        return {"$handle": value.type}
    return _text(str(value))


_NUMBERS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def _text(text: str) -> str:
    """Replace what is not Unicode: bytes of a file name or an argument that were no UTF-8."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def dump(value: Any) -> bytes:
    """Write a value as one line of JSON, UTF-8."""
    return msgspec.json.encode(plain_json(value))


def pretty(value: Any) -> str:
    """Write a value as JSON over several lines, for people."""
    return msgspec.json.format(dump(value), indent=2).decode()


def error_record(error: LlmspellError) -> dict[str, Any]:
    """Describe an error: what `--json` prints, with the same fields for every kind."""
    return {
        "kind": error.kind,
        "message": error.message,
        "location": _frame(error.location) if error.location else None,
        "traceback": [_frame(frame) for frame in error.traceback],
        "retryable": error.retryable,
        "bridge": error.bridge,
        "method": error.method,
        "details": error.details,
    }


def plain_error(kind: str, message: str) -> dict[str, Any]:
    """Describe what is no `LlmspellError`: a usage error, an interruption."""
    return {
        "kind": kind,
        "message": message,
        "location": None,
        "traceback": [],
        "retryable": False,
        "bridge": None,
        "method": None,
        "details": {},
    }


def _frame(frame: Frame) -> dict[str, Any]:
    return {
        "name": frame.name,
        "line": frame.line,
        "column": frame.column,
        "function": frame.function,
    }
