"""Spans, and what takes their place where there can be none."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

from llmspell_core.telemetry import span

if TYPE_CHECKING:
    import pytest


def test_an_api_that_is_being_imported_makes_no_span(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library imports it in a thread, for seconds: until then its functions are not there."""
    half = ModuleType("opentelemetry.trace")
    half.__spec__ = sys.__spec__.__class__("opentelemetry.trace", None)  # type: ignore[union-attr]  # a module has one
    half.__spec__._initializing = True  # type: ignore[attr-defined]  # as the import system does
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", half)
    with span("bridge.call", {"llmspell.call": "x.y"}):
        done = True
    assert done
