"""One zygote with V8 for the tests of this folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from js_host import Server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def js() -> Iterator[Server]:
    """Run spells in forks of one process that has V8 initialised."""
    server = Server()
    yield server
    server.close()
