"""How values cross between Python and Starlark: what JSON cannot hold is tagged."""

from __future__ import annotations

import json
import math
from typing import Any

from llmspell_core import Bounds, ConversionError, TextRecord, UnsupportedError

JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def declined(capability: str, what: str) -> UnsupportedError:
    """Refuse what this engine does not claim."""
    text = f"the engine `starlark` has no {what}: it declines {capability}"
    return UnsupportedError(text, capability=capability)


def pack(value: Any) -> Any:
    """Tag a value that goes to Starlark, see `prelude.star`."""
    if isinstance(value, TextRecord):
        raise declined("text_records", "text with fields")
    if isinstance(value, float) and not math.isfinite(value):
        return ["f", str(value)]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, list):
        return ["l", *map(pack, value)]
    if isinstance(value, dict):
        return ["d", *([key, pack(item)] for key, item in value.items())]
    if isinstance(value, bytes):
        raise declined("binary", "bytes")
    raise declined("streams" if value.type == "stream" else "handles", "objects of the host")


def unpack(value: Any, path: str = "", *, argument: bool = False) -> Any:
    """Undo the tags of a value that comes from Starlark, and sort its maps."""
    if not isinstance(value, list):
        return value
    tag, *items = value
    if tag == "f":
        return float(items[0])
    if tag == "l":
        places = ((item, f"{path}[{index}]") for index, item in enumerate(items))
        return [unpack(item, place, argument=argument) for item, place in places]
    if tag == "d" and all(isinstance(key, str) for key, _ in items):
        return {k: unpack(v, join(path, k), argument=argument) for k, v in sorted(items)}
    if argument and items[0] == "a function":
        raise declined("callbacks", "functions that a bridge can call")
    what = "a map whose keys are no texts" if tag == "d" else items[0]
    text = f"cannot convert value{path and f' at `{path}`'}: {what} cannot cross"
    raise ConversionError(text, path=path or None)


def join(path: str, key: str) -> str:
    """Extend a path, such as ``messages[3]``, by a map's key."""
    if not key.isidentifier():
        return f"{path}[{json.dumps(key, ensure_ascii=False)}]"
    return f"{path}.{key}" if path else key


def shown(args: list[tuple[Any, str]]) -> str:
    """Show what is printed: text as it is, else JSON, else what Starlark says of it."""
    words = []
    for packed, text in args:
        try:
            value = unpack(packed)
        except ConversionError:
            value = text
        words.append(value if isinstance(value, str) else JSON.encode(value))
    if sum(map(len, words)) > Bounds().message_bytes:
        raise ConversionError("what is printed at once cannot be larger than 16 MiB")
    return " ".join(words)
