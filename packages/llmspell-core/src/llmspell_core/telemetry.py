"""Spans, where the host has set up OpenTelemetry; nothing at all where it has not.

The API package is never imported from here: a host that wants spans has imported it already,
and a cold start saves its 40 ms.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@contextmanager
def span(name: str, attributes: Mapping[str, Any]) -> Iterator[None]:
    """Record the block as a span called `name`."""
    api = sys.modules.get("opentelemetry.trace")
    if api is None:
        yield
        return
    with api.get_tracer("llmspell").start_as_current_span(name, attributes=dict(attributes)):
        yield
