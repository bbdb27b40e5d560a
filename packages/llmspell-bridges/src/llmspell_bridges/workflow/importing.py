"""langgraph and jinja2, imported in the background: a second of processor time between them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from llmspell_bridges.importing import BackgroundImport

if TYPE_CHECKING:
    from concurrent.futures import Future
    from types import ModuleType


def start_import() -> Future[ModuleType]:
    """Start the import, unless that was done before; return at once."""
    return _GRAPHS.start()


async def graphs() -> ModuleType:
    """Wait for the module that runs graphs, `llmspell_bridges.workflow.graph`.

    Raises:
        UnsupportedError: langgraph is not installed; the message says how to.
    """
    return await _GRAPHS.ready()


async def checkpoints() -> ModuleType:
    """Wait for the module that keeps checkpoints, `llmspell_bridges.workflow.checkpoints`.

    Raises:
        UnsupportedError: langgraph's saver is not installed; the message says how to.
    """
    return await _CHECKPOINTS.ready()


async def templates() -> ModuleType:
    """Wait for the module that knows templates, `llmspell_bridges.workflow.template`.

    Raises:
        UnsupportedError: jinja2 is not installed; the message says how to.
    """
    return await _TEMPLATES.ready()


def _load() -> ModuleType:
    module = import_module("llmspell_bridges.workflow.graph")
    module.warm()
    return module


_GRAPHS = BackgroundImport("workflow", _load, "workflows")
_CHECKPOINTS = BackgroundImport(
    "workflow", lambda: import_module("llmspell_bridges.workflow.checkpoints"), "checkpoints"
)
_TEMPLATES = BackgroundImport(
    "workflow", lambda: import_module("llmspell_bridges.workflow.template"), "workflows"
)
