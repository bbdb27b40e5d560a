"""How the probe tells what arrived: every value with its type, on one line."""

from __future__ import annotations

import json
from typing import Any

from llmspell_core.bridge import Builder, Callback, Handle
from llmspell_core.values import TextRecord


def seen(value: Any) -> str:  # noqa: C901, PLR0911 - one line for each kind of value
    """Write a value as it arrived: ``{a: int 1, b: [null, text "x"]}``; a map in its own order."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return f"{type(value).__name__} {value!r}"
        case TextRecord():
            return f"record {seen(value.fields)}"
        case str():
            return f"text {json.dumps(value, ensure_ascii=False)}"
        case bytes():
            return f"bytes {value.hex()}"
        case list():
            return f"[{', '.join(seen(item) for item in value)}]"
        case dict():
            return f"{{{', '.join(f'{key}: {seen(item)}' for key, item in value.items())}}}"
        case Callback():
            return "callback"
        case Handle():
            return f"handle {value.type_name}"
        case Builder():
            return f"builder {value.name}"
    return f"unknown {type(value).__name__}"
