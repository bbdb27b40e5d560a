"""What steps take and give: data, and how much of it one run may hold."""

from __future__ import annotations

from typing import Any

from llmspell_core import WorkflowError
from llmspell_core.values import TextRecord

MAX_BYTES = 16 * 1024 * 1024
"""What all steps of a run may have given together: as much as may cross to a script at once."""
_NODE_BYTES = 8
"""What a value counts beside its text: empty ones fill the memory as well."""


class Weight:
    """How much the steps of a run, and of the workflows in it, hold."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.total = 0

    def add(self, count: int) -> None:
        """Count some more, or less.

        Raises:
            WorkflowError: it is more than a run may hold.
        """
        self.total += count
        if self.total > MAX_BYTES:
            self.total -= count
            text = f"the steps gave more than {MAX_BYTES:,} bytes together"
            raise WorkflowError(text)


def as_data(value: Any) -> Any:
    """Turn text records into their texts, and refuse what is no data.

    Raises:
        WorkflowError: there is a function or an object in it.
    """
    if isinstance(value, TextRecord):
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return value
    if isinstance(value, list):
        return [as_data(item) for item in value]
    if isinstance(value, dict):
        return {name: as_data(item) for name, item in value.items()}
    what = getattr(value, "type", None) or getattr(type(value), "type_name", type(value).__name__)
    raise WorkflowError(f"steps give and take data, no functions or objects: got a {what}")


def weight(value: Any) -> int:
    """Count the bytes of some data, roughly."""
    if isinstance(value, (str, bytes)):
        return _NODE_BYTES + len(value)
    if isinstance(value, list):
        return _NODE_BYTES + sum(map(weight, value))
    if isinstance(value, dict):
        return _NODE_BYTES + sum(len(name) + weight(item) for name, item in value.items())
    return _NODE_BYTES
