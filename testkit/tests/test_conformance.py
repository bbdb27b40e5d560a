"""The parts of `llmspell conformance` that need no command line."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_testkit.conformance import run
from llmspell_testkit.conformance.page import text
from llmspell_testkit.conformance.records import Result, Subject
from llmspell_testkit.conformance.schema import FILE, packaged, report_schema
from llmspell_testkit.conformance.subjects import Choice

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that never ends by itself."""
    program = "import signal; signal.pause()"
    with subprocess.Popen([sys.executable, "-c", program]) as child:
        yield child
        child.kill()


def test_the_schema_is_up_to_date() -> None:
    """The packaged schema is what the types say; `python -m …conformance.schema` prints it anew."""
    import json

    assert _unordered(json.loads(report_schema())) == _unordered(packaged()), f"write {FILE} anew"


def _unordered(part: Any) -> Any:
    """Take a schema without the order of its unions: versions of msgspec have different ones."""
    if isinstance(part, list):
        return [_unordered(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    taken = {name: _unordered(inner) for name, inner in part.items()}
    return {**taken, "anyOf": sorted(taken["anyOf"], key=repr)} if "anyOf" in taken else taken


def test_a_child_that_tells_nothing_is_given_up(
    monkeypatch: pytest.MonkeyPatch, sleeper: subprocess.Popen[bytes]
) -> None:
    """Silence has an end: a run that hangs is no run that goes on for ever."""
    monkeypatch.setattr(run, "SILENCE_S", 0.01)
    monkeypatch.setattr(run, "_LOOK_S", 0.01)
    ours, theirs = os.pipe()
    try:
        with pytest.raises(TimeoutError):
            list(run._lines(ours, sleeper))
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_pipe_that_somebody_else_holds_open_ends_with_the_child(
    sleeper: subprocess.Popen[bytes],
) -> None:
    """What the engine left behind keeps nobody waiting; what was told before the end is there."""
    ours, theirs = os.pipe()
    try:
        os.write(theirs, b"one\ntwo\nhal")
        sleeper.kill()
        sleeper.wait()
        assert list(run._lines(ours, sleeper)) == [b"one", b"two"]
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize(
    ("code", "outcome", "fault"),
    [
        (0, "passed", None),
        (1, "failed", None),
        (5, "declined", None),
        (1, "passed", "pytest ended with 1"),
        (0, "failed", "pytest ended with 0"),
        (3, "passed", "pytest ended with 3"),
        (-9, "passed", "its process was ended by signal 9"),
    ],
)
def test_a_run_that_broke_off_is_no_pass(code: int, outcome: str, fault: str | None) -> None:
    """The exit code of the child has to fit its results: else there are some that nobody has seen."""
    result = Result(id="a-b", topic="a", outcome=outcome)  # type: ignore[arg-type]  # parametrized
    assert run._fault(code, [result], "", silent=False) == fault


def test_a_subject_passes_without_failures_alone() -> None:
    """A failure, or a run that broke off, is no pass; what is declined or known is none either way."""

    def subject(fault: str | None, *outcomes: str) -> Subject:
        results = [Result(id="a", topic="a", outcome=o) for o in outcomes]  # type: ignore[arg-type]  # outcomes
        return Subject(
            kind="engine",
            name="x",
            version="1",
            language="X",
            isolation="inproc",
            distribution="x",
            distribution_version="1",
            fault=fault,
            results=results,
        )

    assert subject(None, "passed", "declined", "known").passed
    assert not subject(None, "passed", "failed").passed
    assert not subject("it broke off", "passed").passed


def test_a_case_is_named_with_its_topic_once() -> None:
    """An id that begins with its topic needs no other name."""
    assert Result(id="values-int", topic="values", outcome="passed").title == "values-int"
    assert Result(id="text-records-x", topic="text_records", outcome="passed").title == (
        "text-records-x"
    )
    assert Result(id="get.example", topic="methods", outcome="passed").title == (
        "methods/get.example"
    )


def test_a_choice_narrows_by_topic_and_case() -> None:
    """Without topics and cases everything is wanted; with both, what is in both."""
    everything = Choice(kind="engine", name="x")
    assert everything.wants("values", "values-int")
    both = Choice(kind="engine", name="x", topics=["values"], cases=["values-int", "calls-add"])
    assert both.wants("values", "values-int")
    assert not both.wants("values", "values-null")
    assert not both.wants("calls", "calls-add")


def test_text_of_a_page_is_escaped_and_visible() -> None:
    """Markup is text, and what is invisible or turns the reading direction is shown by its number."""
    assert text("<b a='\"'>&\n\t") == "&lt;b a=&#x27;&quot;&#x27;&gt;&amp;\n\t"
    assert text("a\x00\x1b\u202e\u200b\ud800") == r"a\u{0}\u{1b}\u{202e}\u{200b}\u{d800}"
