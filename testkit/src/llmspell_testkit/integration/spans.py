"""The spans of a run, recorded where OpenTelemetry need not be installed."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import msgspec

from llmspell_core import telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SHOWN = ("llmspell.call", "llmspell.tool", "llmspell.step", "llmspell.engine")
"""The attributes that tell a span from others of its name, the first that it has."""


class Span(msgspec.Struct, kw_only=True):
    """One span: its name, its attributes, and whether its block failed."""

    name: str
    attributes: dict[str, Any]
    failed: bool = False

    def set_attribute(self, name: str, value: Any) -> None:
        """Add an attribute, as OpenTelemetry's spans do."""
        self.attributes[name] = value

    def set_status(self, status: Any) -> None:  # noqa: ARG002 - OpenTelemetry's signature
        """Mark the span as failed: no other status is ever set."""
        self.failed = True

    def __str__(self) -> str:
        """Show it as scenarios write it: ``bridge.call fs.read !permission``."""
        about = next((self.attributes[it] for it in _SHOWN if it in self.attributes), "")
        ending = f" !{self.attributes.get('error.type')}" if self.failed else ""
        return f"{self.name} {about}".rstrip() + ending


class _Tracer:
    """As much of OpenTelemetry's API as `llmspell_core.telemetry` uses."""

    StatusCode = SimpleNamespace(ERROR="error")

    def __init__(self, spans: list[Span]) -> None:
        self._spans = spans

    def get_tracer(self, name: str) -> _Tracer:  # noqa: ARG002 - OpenTelemetry's signature
        return self

    def Status(self, code: str, text: str) -> str:  # noqa: ARG002, N802 - OpenTelemetry's signature
        return code

    @contextmanager
    def start_as_current_span(
        self, name: str, *, attributes: Mapping[str, Any], **_: Any
    ) -> Iterator[Span]:
        span = Span(name=name, attributes=dict(attributes))
        self._spans.append(span)
        yield span


@contextmanager
def recording_spans() -> Iterator[list[Span]]:
    """Record the spans that begin within the block, whatever the host has set up.

    Only core's own look-up of OpenTelemetry is replaced: libraries that import it get the real one.
    """
    spans: list[Span] = []
    known = SimpleNamespace(modules={"opentelemetry.trace": _Tracer(spans)})
    with patch.object(telemetry, "sys", known):  # its modules are all that is asked of it
        yield spans
