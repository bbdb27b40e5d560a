"""Pools of a fake engine, for the tests of the processes."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

# tests are imported by file; workers import the fake guests by name, along the host's paths
sys.path.insert(0, str(Path(__file__).parent))

from process_helpers import FAKE, LAUNCHERS

from llmspell_engines.host import Pool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from llmspell_engines.host.launch import Launcher


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio."""
    return "asyncio"


@pytest.fixture
def launcher() -> str:
    """Name one of `LAUNCHERS`; parametrize it to use others."""
    return "fork"


@pytest.fixture
def open_pool(launcher: str) -> Callable[..., Any]:
    """Open a pool of the fake engine."""

    @asynccontextmanager
    async def opened(guest: str = FAKE, **options: Any) -> AsyncIterator[Pool]:
        own: Launcher = LAUNCHERS[launcher](guest)
        async with asyncio.timeout(50), Pool(own, **{"spares": 0, **options}) as pool:
            yield pool

    return opened
