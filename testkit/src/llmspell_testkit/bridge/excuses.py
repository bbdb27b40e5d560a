"""Failures of an example that a check of their own reports: one mistake is told once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell_core.errors import InternalError

if TYPE_CHECKING:
    from llmspell_core.errors import LlmspellError

UNDECLARED = "without declaring it"
"""What the core says of an effect that a method asks for and does not declare."""
NO_VALUE = "which is not a script value"
"""What the core says of an answer that cannot cross to a script."""


def excused(error: LlmspellError) -> bool:
    """Say whether `error` is what another check looks for."""
    return isinstance(error, InternalError) and (
        UNDECLARED in error.message or NO_VALUE in error.message
    )
