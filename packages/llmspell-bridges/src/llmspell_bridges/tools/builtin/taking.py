"""The schema of a built-in tool's arguments."""

from __future__ import annotations

from typing import Any


def takes(properties: dict[str, dict[str, Any]], *required: str) -> dict[str, Any]:
    """Make the schema of these arguments and no others; `required` are the first by position."""
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = list(required)
    return {**schema, "additionalProperties": False}
