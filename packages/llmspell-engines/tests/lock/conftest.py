"""The arena of the attack program."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# tests are imported by file; workers import the attacking guests by name, along the host's paths
sys.path.insert(0, str(Path(__file__).parent))

from arena import Arena

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def arena() -> Iterator[Arena]:
    """Open one arena for all attempts, in a folder whose path is short enough for a socket's."""
    with tempfile.TemporaryDirectory(prefix="llmspell-") as folder, Arena(Path(folder)) as arena:
        yield arena
