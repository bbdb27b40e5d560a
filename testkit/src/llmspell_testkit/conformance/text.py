"""What a person reads in the terminal when a run of the contracts has ended."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from llmspell_core.errors import ConfigurationError
from llmspell_testkit.conformance.records import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmspell_testkit.conformance.records import Ratio, Report, Result, Subject

_MOST = 40


def check_found(report: Report) -> None:
    """Refuse a run that was narrowed to what nobody has: it held nothing to anything.

    Raises:
        ConfigurationError: it names the topic or the case, and the nearest known one.
    """
    from llmspell_testkit.loader import load_cases

    known = load_cases()
    results = [result for subject in report.subjects for result in subject.results]
    for what, asked, found, ids in (
        ("topic", report.topics, {r.topic for r in results}, {c.topic for c in known.values()}),
        ("case", report.cases, {r.id for r in results}, set(known)),
    ):
        for name in asked:
            if name not in found and not any(subject.fault for subject in report.subjects):
                near = get_close_matches(name, ids - {name}, n=1)
                hint = f"; did you mean `{near[0]}`?" if near else ""
                text = f"no {what} `{name}` in what was asked for{hint}"
                raise ConfigurationError(text, key=name)


def summary(report: Report, *, quiet: bool = False) -> str:
    """Write every failure with its script, then a line for each subject; the failures alone if `quiet`."""
    lines = [line for subject in report.subjects for line in _failures(subject)]
    if not quiet:
        lines += [line for subject in report.subjects for line in _ratios(subject)]
        lines += [_total(subject) for subject in report.subjects]
        lines.append(f"contract {report.contract_version}, {report.duration_s:.1f} s")
    return "\n".join(lines)


def _failures(subject: Subject) -> Iterator[str]:
    if subject.fault is not None:
        yield f"{subject.title}: the run broke off: {subject.fault}\n"
    failed = [result for result in subject.results if result.outcome == "failed"]
    for result in failed[:_MOST]:
        yield f"{subject.title}: {result.title}: {result.description}"
        if result.heading:
            yield f"  contract: docs/contract/{result.heading.replace('#', '.md#')}"
        yield from (f"  {row}" for row in numbered(result))
        yield from ("  " + problem.replace("\n", "\n  ") for problem in result.problems)
        yield ""
    if len(failed) > _MOST:
        yield f"{subject.title}: … and {len(failed) - _MOST} more\n"


def numbered(result: Result) -> Iterator[str]:
    """Number a script's lines; ``>`` marks where an error was expected, ``!`` where it came from."""
    for number, row in enumerate((result.script or "").splitlines()[:_MOST], start=1):
        wanted = ">" if number == result.expected_line else " "
        got = "!" if number == result.got_line else " "
        yield f"{wanted}{got}{number:3} | {row[:160]}"


def _ratios(subject: Subject) -> Iterator[str]:
    for result in subject.results:
        if result.ratio is not None:
            yield f"{subject.title}: {result.title}: {ratio(result.ratio)}: {result.description}"


def ratio(measured: Ratio) -> str:
    """Write a ratio, with the most that it may be."""
    return f"{measured.found:.3g} of at most {measured.most:.3g}"


def _total(subject: Subject) -> str:
    counts = [f"{subject.count(o)} {o}" for o in OUTCOMES if subject.count(o)]
    version = f"{subject.language} {subject.version}, " if subject.language else ""
    what = f"{version}{subject.distribution} {subject.distribution_version}".strip()
    state = "passed" if subject.passed else "FAILED"
    extent = " (its metadata alone: no contract is shipped)" if subject.partial else ""
    return f"{subject.title} ({what}): {state}: {', '.join(counts) or 'nothing run'}{extent}"
