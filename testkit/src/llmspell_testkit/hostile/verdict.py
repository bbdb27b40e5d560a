"""Judging what a hostile case left: everything that is wrong, and the report of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from llmspell_core.limits import OPTIONS
from llmspell_testkit.hostile.loader import limits_of
from llmspell_testkit.tagged import differences, plain, read_tagged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmspell_testkit.hostile.case import GoodSpell, HostileCase
    from llmspell_testkit.hostile.process import Ending
    from llmspell_testkit.hostile.records import ErrorReport, Report, SpellReport
    from llmspell_testkit.hostile.runner import Traces

ESCAPED = "ESCAPED"
OVERRUN_S = 5.0
"""How far a run may be beyond its wall clock before the case fails; a benchmark holds the 50 ms."""
_SHOWN_LINES = 60
_KEPT = "\t\n"
"""What a report of a hostile text keeps of it, beside what can be printed."""
_SHOWN = 500


def problems(case: HostileCase, good: GoodSpell, found: Report | None, traces: Traces) -> list[str]:
    """List everything that is wrong with what a case did; empty when it passes."""
    return [
        *_host(traces.ending, found),
        *_traces(traces),
        *([] if found is None else _attempt(case, found)),
        *([] if found is None else _after(good, found.after)),
    ]


def _host(ending: Ending, found: Report | None) -> Iterator[str]:
    """Judge how the host process itself fared."""
    stderr = ending.stderr.decode("utf-8", "replace").strip()
    said = f"; its stderr ends: {stderr[-_SHOWN:]}" if stderr else ""
    if ending.hung:
        yield f"the host process hung, and was killed{said}"
    elif ending.code:
        yield f"the host process ended with {ending.code}, not with 0{said}"
    elif stderr:
        yield f"the host process wrote to its stderr: {stderr[-_SHOWN:]}"
    if found is None and not ending.hung:
        yield f"the host process did not write one report: {ending.stdout[:_SHOWN]!r}"
    for child in ending.children:
        yield f"the host was done, and had a child process left: {child}"
    for orphan in ending.orphans:
        yield f"a child process outlived the host: {orphan}"


def _traces(traces: Traces) -> Iterator[str]:
    """Judge what was seen beside the host: secrets, the marker, connections."""
    where = {"report": traces.ending.stdout, "stderr": traces.ending.stderr}
    for name, canary in zip(("file", "environment"), traces.canaries, strict=True):
        plain = canary.encode()
        for place, data in where.items():
            # bytes are reported in hexadecimal digits
            if plain in data or plain.hex().encode() in data:
                yield f"the canary of the {name} is in the {place}"
    if traces.marker:
        yield "the marker exists: something wrote a file"
    if traces.connections:
        yield "a connection or a packet reached the listener"


def _attempt(case: HostileCase, found: Report) -> Iterator[str]:
    attempt = found.attempt
    outcome, error = attempt.outcome, attempt.error
    if outcome not in case.expect:
        wanted = " or ".join(f"`{outcome}`" for outcome in case.expect)
        got = (
            f"the result {_cut(repr(attempt.result))}" if error is None else error.message[:_SHOWN]
        )
        yield f"expected {wanted}, got `{outcome}`: {got}"
    if error is None and case.result is not msgspec.UNSET and outcome in case.expect:
        yield from differences(case.result, read_tagged(attempt.result), "result")
    said = [text for _, text in attempt.logs]
    said += [attempt.result] if isinstance(attempt.result, str) else []
    said += [error.message] if error else []
    yield from (f"the script says: {_cut(text)}" for text in said if ESCAPED in text[:_SHOWN])
    if error is not None and error.kind == "limit":
        yield from _limit(error)
    timeout_s = limits_of(case).timeout_s
    if timeout_s is not None and attempt.duration_s > timeout_s + OVERRUN_S:
        yield f"it ran {attempt.duration_s:.2f} s, with a wall clock of {timeout_s:g} s"
    for figure, count in found.left_open.items():
        yield f"{count} left after the attempt: {figure}"


def _limit(error: ErrorReport) -> Iterator[str]:
    """A limit that was hit says its value, and the option that raises it where there is one."""
    if error.value is None:
        yield f"the error of the limit `{error.limit}` does not carry its value: {error.message}"
    option = OPTIONS.get(error.limit or "")
    if option is not None and (error.option != option or option not in error.message):
        yield f"the error of the limit `{error.limit}` does not name {option}: {error.message}"


def _after(good: GoodSpell, after: SpellReport) -> Iterator[str]:
    if after.error is not None:
        yield f"the good spell right after it failed: {after.outcome}: {after.error.message[:_SHOWN]}"
    else:
        yield from differences(good.result, read_tagged(after.result), "the good spell's result")


def report(engine: str, case: HostileCase, found: list[str]) -> str:
    """Write a failure: engine, case, what it attempts, the script, what is wrong."""
    rows = case.source.split("\n")
    shown = [
        f"  {n:3} | {plain(row[:160], keep=_KEPT)}" for n, row in enumerate(rows[:_SHOWN_LINES], 1)
    ]
    more = [f"      … {len(rows) - _SHOWN_LINES} more lines"] if rows[_SHOWN_LINES:] else []
    return "\n".join(
        [
            f"{engine}: hostile case `{case.id}` ({case.topic}.toml, since {case.since})",
            f"  {case.description}",
            "",
            *shown,
            *more,
            "",
            "what is wrong:",
            *(f"  {plain(problem, keep=_KEPT)}" for problem in found),
        ]
    )


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
