"""What a tool raised or answered, as whoever called the tool gets it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmspell_core import (
    BudgetError,
    CancelledSpellError,
    LimitError,
    LlmspellError,
    PermissionDeniedError,
    ToolError,
)
from llmspell_core.convert import to_value

if TYPE_CHECKING:
    from llmspell_core import Value

_PASS = (BudgetError, CancelledSpellError, LimitError, PermissionDeniedError)
"""What ends a run, or what whoever started it can grant: no failure of the tool's."""


def failed(name: str, error: Exception) -> LlmspellError:
    """Make the `ToolError` of a tool; `details.cause` is the kind and message of what it raised."""
    if isinstance(error, _PASS):
        return error
    if isinstance(error, ToolError) and error.tool in {name, None}:
        error.tool = error.details["tool"] = name
        return error
    known = isinstance(error, LlmspellError)
    kind = error.kind if known else "internal"  # type: ignore[attr-defined]  # `known` says so
    message = str(error) if known else f"{type(error).__name__}: {error}"
    return ToolError(
        f"the tool `{name}` failed: {message}",
        tool=name,
        retryable=known and error.retryable,  # type: ignore[attr-defined]  # `known` says so
        traceback=error.traceback if known else (),  # type: ignore[attr-defined]  # `known` says so
        details={"cause": {"kind": kind, "message": message}},
    )


def as_data(name: str, answer: Any) -> Value:
    """Return a tool's answer as a value; refuse what is none: a function, an object."""

    def refuse(item: Any) -> Any:
        text = f"the tool `{name}` answered a {type(item).__name__}: a tool answers data"
        raise ToolError(text, tool=name)

    value: Value = to_value(answer, refuse)
    return value
