"""What goes to the host process of a case, and what comes back: JSON, one line each way."""

from __future__ import annotations

from typing import Any

import msgspec


class Job(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One case for a host process; `engine` is an entry point's name or ``module:Class``."""

    engine: str
    isolation: str
    require_lock: bool
    source: str
    files: dict[str, str]
    params: dict[str, Any]
    limits: dict[str, float | int]
    good: str


class ErrorReport(msgspec.Struct, frozen=True, kw_only=True):
    """The error that ended a spell: its text, and all of its details as text."""

    kind: str
    message: str
    details: str
    limit: str | None = None
    value: float | None = None
    option: str | None = None


class SpellReport(msgspec.Struct, frozen=True, kw_only=True):
    """How one spell ended: `result` is tagged as in case files, `logs` are level and text."""

    result: Any = None
    error: ErrorReport | None = None
    logs: list[tuple[str, str]] = []
    duration_s: float

    @property
    def outcome(self) -> str:
        """``ok``, the error's kind, or ``limit:`` and the limit's name."""
        if self.error is None:
            return "ok"
        limit = f":{self.error.limit}" if self.error.kind == "limit" else ""
        return f"{self.error.kind}{limit}"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a host process says of its case: the attempt, the good spell after it, what was left.

    `left_open` are the probe's own figures that are not back at zero: calls that wait, streams and
    host objects that are open. `isolation` is how the engine kept the scripts apart.
    """

    attempt: SpellReport
    after: SpellReport
    left_open: dict[str, int] = {}
    isolation: str = ""
