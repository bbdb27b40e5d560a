"""What was found in a workflow before it ran."""

from __future__ import annotations

from typing import Any

import msgspec

from llmspell_bridges.workflow.near import MOST_ERRORS


class Checked(msgspec.Struct, kw_only=True):
    """What was found, and the templates, compiled, by their source."""

    errors: list[str] = []
    warnings: list[str] = []
    texts: dict[str, Any] = {}

    def error(self, text: str) -> None:
        """Keep an error, once.

        Raises:
            TooManyError: there are enough of them.
        """
        if text not in self.errors:
            self.errors.append(text)
        if len(self.errors) >= MOST_ERRORS:
            raise TooManyError


class TooManyError(Exception):
    """There are as many mistakes as anybody reads."""
