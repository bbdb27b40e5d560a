"""One HTML page of a run: complete in itself, without a script, whatever a script has printed."""

from __future__ import annotations

import base64
import hashlib
import html
import unicodedata
from importlib import resources
from typing import TYPE_CHECKING

from llmspell_core.engine import CAPABILITIES, TRAITS
from llmspell_testkit.conformance.records import OUTCOMES
from llmspell_testkit.conformance.text import ratio

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from llmspell_testkit.conformance.records import Outcome, Report, Result, Subject

_MARKS: dict[Outcome, str] = {"passed": "✓", "failed": "✗", "declined": "○", "known": "≈"}
_SHOWN_LINES = 200
_SLOWEST = 5


def page(report: Report) -> str:
    """Write the page: its policy allows nothing but its own style."""
    style = resources.files("llmspell_testkit.conformance").joinpath("page.css")
    css = style.read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            "<title>llmspell conformance</title>",
            f"<style>{css}</style>",
            "</head>",
            "<body>",
            '<a class="skip" href="#failures">Skip to the failures</a>',
            *_header(report),
            "<main>",
            *_matrix("engine", "Engines", report.subjects),
            *_matrix("bridge", "Bridges", report.subjects),
            *_failures(report.subjects),
            "<h2>What was run</h2>",
            '<div class="cards">',
            *(line for subject in report.subjects for line in _card(subject)),
            "</div>",
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def text(value: object) -> str:
    """Escape a text for HTML; what is not seen, or turns the reading direction, is made visible."""
    return html.escape("".join(map(_visible, str(value))), quote=True)


def _visible(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in {"Cc", "Cf", "Cs"}:
        return character
    return f"\\u{{{ord(character):x}}}"


def _header(report: Report) -> Iterator[str]:
    state = "passed" if report.passed else "failed"
    total = sum(len(subject.results) for subject in report.subjects)
    failed = sum(subject.count("failed") for subject in report.subjects)
    yield "<header><h1>llmspell conformance</h1>"
    yield f'<span class="badge {state}">{_MARKS[state]} {state}</span>'  # type: ignore[index]  # an outcome
    yield f"<p>{failed} of {total} results failed.</p>" if failed else f"<p>{total} results.</p>"
    narrowed = [f"topic {topic}" for topic in report.topics] + [f"case {c}" for c in report.cases]
    facts = [
        f"contract {report.contract_version}",
        f"llmspell-testkit {report.testkit_version}",
        f"Python {report.python}",
        report.platform,
        report.started,
        f"{report.duration_s:.1f} s",
        *(["only " + ", ".join(narrowed)] if narrowed else []),
    ]
    yield f'<p class="soft">{text(" · ".join(facts))}</p></header>'


def _matrix(kind: str, title: str, subjects: Iterable[Subject]) -> Iterator[str]:
    """Show subjects by topics: a table, which the style lays out as cards where there is no room."""
    shown = [subject for subject in subjects if subject.kind == kind]
    if not shown:
        return
    topics = sorted({result.topic for subject in shown for result in subject.results})
    yield f'<h2>{title}</h2><div class="wide"><table>'
    yield "<caption>Cases that passed, by topic: ✗ failed, ○ declined, ≈ known to fail.</caption>"
    heads = "".join(f'<th class="topic" scope="col"><span>{text(t)}</span></th>' for t in topics)
    yield f'<thead><tr><th scope="col">{kind}</th>{heads}</tr></thead><tbody>'
    for subject in shown:
        where = f"at {subject.isolation}" if subject.isolation else subject.distribution_version
        where += ", metadata alone" if subject.partial else ""
        yield f'<tr><th scope="row"><strong>{text(subject.name)}</strong> <small>{text(where)}</small></th>'
        yield from (_cell(subject, topic) for topic in topics)
        yield "</tr>"
    yield "</tbody></table></div>"


def _cell(subject: Subject, topic: str) -> str:
    counts = {outcome: subject.count(outcome, topic) for outcome in OUTCOMES}
    said = ", ".join(f"{number} {outcome}" for outcome, number in counts.items() if number)
    label = f'title="{text(topic)}: {text(said or "nothing run")}"'
    name = f'<span class="name">{text(topic)}</span>'
    if counts["failed"]:
        link = f'<a href="#{_anchor(subject, topic)}">✗ {counts["failed"]}</a>'
        return f'<td class="failed" {label}>{name}{link}</td>'
    shown: tuple[Outcome, ...] = ("passed", "known", "declined")
    for outcome in shown:
        if counts[outcome]:
            number = "" if outcome == "declined" else f" {counts[outcome]}"
            state: Outcome = "known" if counts["known"] else outcome
            more = (
                f" <small>○ {counts['declined']}</small>" if number and counts["declined"] else ""
            )
            return (
                f'<td class="{state}" {label}>{name}<span>{_MARKS[state]}{number}{more}</span></td>'
            )
    return f'<td class="absent" {label}>{name}</td>'


def _anchor(subject: Subject, topic: str) -> str:
    name = f"{subject.title} {topic}"
    return "failed-" + "".join(c if c.isalnum() and c.isascii() else "-" for c in name)


def _failures(subjects: Iterable[Subject]) -> Iterator[str]:
    yield '<h2 id="failures">Failures</h2>'
    seen: set[str] = set()
    nothing = True
    for subject in subjects:
        if subject.fault is not None:
            nothing = False
            yield f"<article><h3>{text(subject.title)}: the run broke off</h3>"
            yield f"<pre>{text(subject.fault)}</pre></article>"
        for result in subject.results:
            if result.outcome == "failed":
                nothing = False
                anchor = _anchor(subject, result.topic)
                yield from _failure(subject, result, "" if anchor in seen else anchor)
                seen.add(anchor)
    if nothing:
        yield "<p>Nothing failed.</p>"


def _failure(subject: Subject, result: Result, anchor: str) -> Iterator[str]:
    place = f' id="{anchor}"' if anchor else ""
    yield f"<article{place}><h3>{text(subject.title)}: {text(result.title)}</h3>"
    yield f"<p>{text(result.description)}</p>"
    if result.heading:
        page_name = "docs/contract/" + result.heading.replace("#", ".md#")
        yield f'<p class="soft">contract: {text(page_name)}</p>'
    yield from (f"<pre>{text(problem)}</pre>" for problem in result.problems)
    if result.script is not None:
        yield "<details open><summary>The script</summary>"
        yield from _script(result)
        yield "</details>"
    yield "</article>"


def _script(result: Result) -> Iterator[str]:
    rows = (result.script or "").split("\n")
    yield '<ol class="script">'
    for number, row in enumerate(rows[:_SHOWN_LINES], start=1):
        notes = []
        if number == result.expected_line:
            notes.append(("expected", "an error was expected here"))
        if number == result.got_line:
            notes.append(("got", "the error came from here"))
        marks = f' class="{" ".join(mark for mark, _ in notes)}"' if notes else ""
        said = "".join(f' <span class="note">← {note}</span>' for _, note in notes)
        yield f"<li{marks}>{text(row.rstrip(chr(13)))}{said}</li>"
    yield "</ol>"
    if len(rows) > _SHOWN_LINES:
        yield f'<p class="soft">… {len(rows) - _SHOWN_LINES} more lines</p>'


def _card(subject: Subject) -> Iterator[str]:
    state = "passed" if subject.passed else "failed"
    version = " ".join(filter(None, (subject.language, subject.version)))
    counts = [f"{subject.count(o)} {o}" for o in OUTCOMES if subject.count(o)]
    yield f'<section class="card"><h3>{text(subject.title)} <span class="badge {state}">{state}</span></h3>'
    package = f"{subject.distribution} {subject.distribution_version}".strip()
    about = f"{version} · {package}" if subject.kind == "engine" else package
    yield f'<p class="soft">{text(about)} · {subject.duration_s:.1f} s</p>'
    yield f"<p>{text(', '.join(counts) or 'nothing run')}</p>"
    if subject.partial:
        yield "<p>Its metadata alone: its distribution ships no contract.</p>"
    if subject.kind == "engine":
        yield from _chips("Capabilities, claimed and declined", subject.claims, subject.declines)
        yield from _chips("Traits, stated and lacking", subject.traits, subject.lacks)
    slowest = sorted(subject.results, key=lambda result: -result.duration_s)[:_SLOWEST]
    yield from _cases("The slowest", [result for result in slowest if result.duration_s])
    for outcome in reversed(OUTCOMES):
        results = [result for result in subject.results if result.outcome == outcome]
        yield from _cases(f"{outcome.capitalize()} ({len(results)})", results)
    yield "</section>"


def _chips(label: str, has: list[str], has_not: list[str]) -> Iterator[str]:
    """List the nouns that the engine has, then those of the same set that it has not."""
    chips = [(name, "passed", "✓") for name in has]
    chips += [(name, "declined", "○") for name in has_not]
    yield f'<p class="soft">{label}</p><ul class="chips" aria-label="{label}">'
    for name, state, mark in chips:
        meaning = text({**CAPABILITIES, **TRAITS}.get(name, ""))
        yield f'<li class="{state}" title="{meaning}">{mark} {text(name)}</li>'
    yield "</ul>"


def _cases(title: str, results: list[Result]) -> Iterator[str]:
    if not results:
        return
    yield f'<details><summary>{text(title)}</summary><ul class="cases">'
    for result in results:
        why = ""
        if result.outcome == "declined":
            why = f"needs {', '.join(result.declines)}"
        elif result.outcome == "known":
            why = "; ".join(result.problems)
        elif result.ratio is not None:
            why = ratio(result.ratio)
        said = f' <span class="soft">{text(why)}</span>' if why else ""
        took = f"{result.duration_s * 1000:,.0f} ms" if result.duration_s else ""
        yield f'<li><span class="{result.outcome}">{_MARKS[result.outcome]}</span>'
        yield f'<span title="{text(result.description)}">{text(result.title)}{said}</span>'
        yield f'<span class="time">{took}</span></li>'
    yield "</ul></details>"
