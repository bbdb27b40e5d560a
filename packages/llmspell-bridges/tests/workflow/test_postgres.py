"""Checkpoints in Postgres, as far as that can be seen without a server."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from llmspell_bridges.workflow.postgres import PostgresKept
from llmspell_bridges.workflow.serializer import PlainSerializer

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio."""
    return "asyncio"


async def test_it_writes_plain_values() -> None:
    """None of langgraph's own forms."""
    connection: Any = object()
    assert isinstance(PostgresKept(connection).serde, PlainSerializer)


def test_without_the_library_it_says_what_to_install() -> None:
    """When a database is configured."""
    code = """
import asyncio, sys
from llmspell_bridges.workflow.checkpoints import opened
from llmspell_bridges.workflow.settings import WorkflowSettings
from llmspell_core import LlmspellError
sys.modules["psycopg"] = None
async def main():
    try:
        async with opened(WorkflowSettings(checkpoints="postgres://me@db/x")): pass
    except LlmspellError as error:
        print(error.kind, error)
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert "unsupported checkpoints in Postgres need the package `psycopg`" in done.stdout
    assert 'pip install "llmspell-bridges[postgres]"' in done.stdout
