"""The command `llmspell`, and the library for those who install only this distribution.

Every public name of `llmspell_core` is here too: ``from llmspell_cli import Runtime``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmspell_core import __all__ as __all__

if TYPE_CHECKING:
    from llmspell_core import *  # noqa: F403 - the same surface, by definition


def __getattr__(name: str) -> object:
    """Take a public name from `llmspell_core` when it is first asked for (PEP 562)."""
    if name in __all__:
        import llmspell_core

        return getattr(llmspell_core, name)
    text = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(text)
