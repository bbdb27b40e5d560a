"""pydantic-ai, imported in the background by the first agent: a second of processor time."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from llmspell_bridges.importing import BackgroundImport

if TYPE_CHECKING:
    from concurrent.futures import Future
    from types import ModuleType


def start_import() -> Future[ModuleType]:
    """Start the import, unless that was done before; return at once."""
    return _AGENTS.start()


async def running() -> ModuleType:
    """Wait for the module that runs agents, `llmspell_bridges.agent.running`.

    Raises:
        UnsupportedError: pydantic-ai is not installed; the message says how to.
    """
    return await _AGENTS.ready()


def _load() -> ModuleType:
    module = import_module("llmspell_bridges.agent.running")
    module.warm()
    return module


_AGENTS = BackgroundImport("agents", _load, "agents")
