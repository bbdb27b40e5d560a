"""The checks of `BridgeContract`, a topic a module; importing this registers all of them."""

from __future__ import annotations

from llmspell_testkit.bridge.checks import (
    arguments,
    effects,
    errors,
    flow,
    languages,
    lifetime,
    metadata,
    release,
    results,
)

__all__ = [
    "arguments",
    "effects",
    "errors",
    "flow",
    "languages",
    "lifetime",
    "metadata",
    "release",
    "results",
]
