"""Comparing what a case gave with what it expects, and the report of a failure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from llmspell_core.errors import LlmspellError
from llmspell_testkit.tagged import differences, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmspell_testkit.case import Case, ExpectedError
    from llmspell_testkit.host import Outcome

DIFFERENCES = "difference (expected ≠ got):"
"""The line of a report after which its differences stand."""

_SHOWN_LINES = 40
_MOST = 12


def problems(case: Case, outcome: Outcome) -> list[str]:
    """List everything in which an outcome is not what the case expects; empty when it passes."""
    if outcome.hung:
        return [f"it did not end within the deadline of {case.deadline_s:g} s"]
    return [*_result(case, outcome), *_traces(case, outcome)]


def _result(case: Case, outcome: Outcome) -> Iterator[str]:
    wanted, error = case.expect.error, outcome.error
    if wanted is not None and isinstance(error, LlmspellError):
        yield from _error(wanted, error)
    elif wanted is not None:
        got = _shown(error) if error else f"the result {show(outcome.value)}"
        yield f"expected an error of kind {_either(wanted)}, got {got}"
    elif error is not None:
        yield f"expected no error, got {_shown(error)}"
    elif case.expect.result is not msgspec.UNSET:
        yield from differences(case.expect.result, outcome.value)


def _either(wanted: ExpectedError) -> str:
    return " or ".join(f"`{kind}`" for kind in wanted.kinds)


def _shown(error: BaseException) -> str:
    if not isinstance(error, LlmspellError):
        return f"a {type(error).__name__} from the engine itself: {error}"
    where = f" at {error.location}" if error.location else ""
    return f"an error of kind `{error.kind}`{where}: {error.message[:500]}"


def _error(wanted: ExpectedError, got: LlmspellError) -> Iterator[str]:
    yield from _what(wanted, got)
    yield from _where(wanted, got)
    for name, value in wanted.details.items():
        if name not in got.details:
            yield f"error details.{name} {show(value)} ≠ nothing"
        else:
            yield from differences(value, got.details[name], f"error details.{name}")
    for name in wanted.without:
        if name in got.details:
            yield f"error details.{name} nothing ≠ {show(got.details[name])}"


def _what(wanted: ExpectedError, got: LlmspellError) -> Iterator[str]:
    if got.kind not in wanted.kinds:
        yield f"error kind {_either(wanted)} ≠ `{got.kind}`: {got.message[:500]}"
    if wanted.message is not None and wanted.message not in got.message:
        yield f"error message {wanted.message!r} is not in {got.message[:500]!r}"
    if wanted.pattern is not None and re.search(wanted.pattern, got.message) is None:
        yield f"error message /{wanted.pattern}/ is not in {got.message[:500]!r}"
    for name in ("retryable", "bridge", "method"):
        expected = getattr(wanted, name)
        if expected is not None and expected != getattr(got, name):
            yield f"error {name} {show(expected)} ≠ {show(getattr(got, name))}"


def _where(wanted: ExpectedError, got: LlmspellError) -> Iterator[str]:
    place = got.location
    for name in ("line", "column"):
        expected, found = getattr(wanted, name), getattr(place, name, None)
        if expected is not None and expected != found:
            yield f"error {name} {show(expected)} ≠ {show(found)}"
    if place is not None and (wanted.line or wanted.lines):
        file = place.name.rpartition(".")[0]
        if file != wanted.file:
            yield f"error file {show(wanted.file)} ≠ {show(file)}"
    if wanted.lines is not None:
        lines = [frame.line for frame in got.traceback]
        if lines[: len(wanted.lines)] != wanted.lines:
            yield f"error traceback lines {wanted.lines} ≠ {lines}"


def _traces(case: Case, outcome: Outcome) -> Iterator[str]:
    """Compare what the case printed, called and left behind."""
    expect = case.expect
    if not expect.any_logs:
        logs = [[level, text] for level, text in outcome.logs]
        yield from differences([list(pair) for pair in expect.logs], logs, "logs")
    if expect.calls is not None and expect.calls != outcome.calls:
        yield f"calls {expect.calls} ≠ {outcome.calls}"
    for name, value in expect.counts.items():
        if outcome.counts.get(name, 0) != value:
            yield f"counts.{name} {value} ≠ {outcome.counts.get(name, 0)}"
    if outcome.left_open:
        yield f"{outcome.left_open} calls were left running when the run had ended"


def report(engine: str, case: Case, source: str, outcome: Outcome, found: list[str]) -> str:
    """Write a failure: engine, case, contract, the script with its lines marked, differences."""
    lines = [
        f"{engine}: case `{case.id}` ({case.topic}.toml, since {case.since})",
        f"  {case.description}",
        f"  contract: docs/contract/{case.heading.replace('#', '.md#')}",
        "",
        *_script(case, source, outcome),
        "",
        DIFFERENCES,
        *(f"  {problem}" for problem in found[:_MOST]),
    ]
    if len(found) > _MOST:
        lines.append(f"  … and {len(found) - _MOST} more")
    return "\n".join(lines)


def _script(case: Case, source: str, outcome: Outcome) -> Iterator[str]:
    """Number the script's lines; ``>`` marks the line expected in the error, ``!`` the one got."""
    wanted = case.expect.error.line if case.expect.error else None
    place = outcome.error.location if isinstance(outcome.error, LlmspellError) else None
    rows = re.split(r"\r?\n", source)
    for number, row in enumerate(rows[:_SHOWN_LINES], start=1):
        mark = (">" if number == wanted else " ") + ("!" if place and number == place.line else " ")
        yield f"  {mark}{number:3} | {row[:160]}"
    if len(rows) > _SHOWN_LINES:
        yield f"      … {len(rows) - _SHOWN_LINES} more lines"
