"""Reading `layers.toml`: what each layer alone does about each attempt."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import NamedTuple

from llmspell_testkit.hostile.attack import ATTEMPTS


class Row(NamedTuple):
    """One attempt's line; `landlock` is None where it is futile, a text where it varies."""

    seccomp: str
    landlock: int | str | None = None


def read() -> dict[str, Row]:
    """Read the table, for the attempts of every machine."""
    text = (Path(__file__).parent / "layers.toml").read_text("utf-8")
    topics = tomllib.loads(text).values()
    return {name: Row(**row) for rows in topics for name, row in rows.items()}


ROWS = read()
# as pytest parameters: those of this machine
HELD_BY_LOCK = [name for name, attempt in ATTEMPTS.items() if attempt.call is not None]
HELD_WITHOUT = [name for name, attempt in ATTEMPTS.items() if attempt.call is None]
EARNEST = [name for name in HELD_BY_LOCK if not ATTEMPTS[name].futile]
"""Attempts that work where there is no lock."""
