"""Language models that run on this machine, without a key.

`catalog` says which there are, `pull.pull` fetches one, `LocalModel` runs one in a child process, and
`provider` plugs them into litellm as ``local/NAME``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmspell_bridges.local.catalog import CATALOG, Model, find
    from llmspell_bridges.local.client import LocalModel, close_local_models
    from llmspell_bridges.local.store import Installed, listing

__all__ = [
    "CATALOG",
    "Installed",
    "LocalModel",
    "Model",
    "close_local_models",
    "find",
    "listing",
]

_HOMES = {
    "CATALOG": "catalog",
    "Model": "catalog",
    "find": "catalog",
    "LocalModel": "client",
    "close_local_models": "client",
    "Installed": "store",
    "listing": "store",
}


def __getattr__(name: str) -> object:
    """Import what is asked for, so that listing the models does not load the client."""
    from importlib import import_module

    if name not in _HOMES:
        text = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(text)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
