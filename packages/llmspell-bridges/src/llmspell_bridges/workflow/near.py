"""The nearest name, for mistakes in workflows: a script decides how many and how long names are."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from llmspell_core.signature import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_ERRORS = 50
"""How many mistakes are told at once: comparing names takes a while."""
_MOST_NAMES = 100
_LONGEST = 64


def near(name: str, known: Iterable[str]) -> str:
    """Suggest the nearest of the `known` names, as the end of an error's sentence."""
    return nearest(
        name[:_LONGEST], list(islice((it for it in known if len(it) <= _LONGEST), _MOST_NAMES))
    )
