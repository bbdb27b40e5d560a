"""Lua and JavaScript do the same with programs that nobody thought of.

``LLMSPELL_EXAMPLES`` programs of each kind are tried (``tox run -e differential``), each time others;
without it fewer, the same each time.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_engines.javascript import JavaScriptEngine
from llmspell_engines.lua import LuaEngine
from llmspell_testkit.differential import Comparing, interleavings, sequences, value_programs

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = os.environ.get("LLMSPELL_EXAMPLES")
FEW = {"values": 120, "sequences": 120, "interleavings": 40}
PROGRAMS = {"values": value_programs, "sequences": sequences, "interleavings": interleavings}


@pytest.fixture(scope="module")
def comparing() -> Iterator[Comparing]:
    """Both engines, for all programs."""
    with Comparing([LuaEngine, JavaScriptEngine]) as comparing:
        yield comparing


@pytest.mark.timeout(60 if EXAMPLES is None else 3600)
@pytest.mark.parametrize("kind", PROGRAMS)
def test_same_outcome(comparing: Comparing, kind: str) -> None:
    """Value, error, prints, calls and what is left are the same. If this fails, paste the case."""
    programs: Any = PROGRAMS[kind]
    examples = int(EXAMPLES) if EXAMPLES else FEW[kind]
    comparing.hold(programs, examples=examples, repeatable=EXAMPLES is None)
