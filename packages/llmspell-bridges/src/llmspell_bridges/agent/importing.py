"""pydantic-ai, imported in a thread by the first agent: a second of processor time."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from importlib import import_module
from typing import TYPE_CHECKING

from llmspell_core import UnsupportedError

if TYPE_CHECKING:
    from types import ModuleType

_lock = threading.Lock()
_future: Future[ModuleType] | None = None


def start_import() -> Future[ModuleType]:
    """Start the import, unless that was done before; return at once."""
    global _future  # noqa: PLW0603 - one import per process
    with _lock:
        if _future is None:
            _future = Future()
            threading.Thread(
                target=_import, args=(_future,), name="llmspell-agents", daemon=True
            ).start()
        return _future


async def running() -> ModuleType:
    """Wait for the module that runs agents, `llmspell_bridges.agent.running`.

    Raises:
        UnsupportedError: pydantic-ai is not installed; the message says how to.
    """
    future = start_import()
    if future.done():
        return future.result()
    return await asyncio.shield(asyncio.wrap_future(future))


def _import(future: Future[ModuleType]) -> None:
    try:
        module = import_module("llmspell_bridges.agent.running")
        module.warm()
        future.set_result(module)
    except ModuleNotFoundError as error:
        text = (
            f"agents need the package `{error.name}`; "
            'install it with: pip install "llmspell-bridges[agents]"'
        )
        future.set_exception(UnsupportedError(text, capability="agents"))
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the waiting call's answer
        future.set_exception(error)
