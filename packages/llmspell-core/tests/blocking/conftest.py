"""What the tests of blocking engines share: a bridge, what was printed, and a run with low limits."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# tests are imported by file, and share this one
sys.path.insert(0, str(Path(__file__).parent))

from blocked import Depot

from llmspell_core import Limits, Permissions, Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
def depot() -> Depot:
    """Make a bridge."""
    return Depot()


@pytest.fixture
def printed() -> list[tuple[str, str]]:
    """Keep what runs print."""
    return []


@pytest.fixture
async def session(depot: Depot, printed: list[tuple[str, str]]) -> AsyncIterator[Session]:
    """Make a run with the bridge, low limits, and a variable that is granted."""
    run = Session(
        bridges={"depot": depot},
        limits=Limits(log_bytes=1000, result_bytes=1000),
        env={"LANG": "C"},
        permissions=Permissions(env=("LANG", "UNSET")),
        on_log=lambda level, text: printed.append((level, text)),
    )
    yield run
    await run.close()
