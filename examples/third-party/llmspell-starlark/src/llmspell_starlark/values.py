"""What of a value the library cannot carry itself between Python and Starlark."""

from __future__ import annotations

import math
from typing import Any

from starlark import OpaquePythonObject

from llmspell_core import CallbackRef, Foreign


def packed(value: Any) -> Any:
    """Wrap floats that no JSON has; `prelude.star` opens them."""
    if isinstance(value, list):
        return [packed(item) for item in value]
    if isinstance(value, dict):
        return {key: packed(item) for key, item in value.items()}
    special = isinstance(value, float) and not math.isfinite(value)
    return OpaquePythonObject(value) if special else value


def mark(kind: str, text: str) -> OpaquePythonObject:
    """Stand for something of Starlark, in a value that goes to Python."""
    if kind == "float":
        return OpaquePythonObject(float(text))
    if kind == "function":
        return OpaquePythonObject(CallbackRef(0, text))
    return OpaquePythonObject(Foreign(kind, text))
