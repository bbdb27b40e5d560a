"""The runner of hostile cases sees whatever goes wrong in a host process, and ends it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_testkit.hostile import process, runner, verdict
from llmspell_testkit.hostile.case import GoodSpell, HostileCase
from llmspell_testkit.hostile.process import environment

if TYPE_CHECKING:
    from llmspell_testkit.hostile.runner import Ran

GOOD = GoodSpell(source="good", result=7)
PROBLEMS = {
    "say_escaped": "the script says: ESCAPED by a door",
    "log_escaped": "the script says: ESCAPED by a window",
    "show_file": "the canary of the file is in the report",
    "show_file_as_bytes": "the canary of the file is in the report",
    "print_environment": "the canary of the environment is in the stderr",
    "mark": "the marker exists",
    "connect": "a connection or a packet reached the listener",
    "send_datagram": "a connection or a packet reached the listener",
    "crash": "the host process ended with -11, not with 0",
    "leave": "the host process did not write one report: b''",
    "raise_another": "the host process ended with 4, not with 0",
    "report_twice": "the host process did not write one report",
    "leave_a_child": "the host was done, and had a child process left",
    "leave_a_grandchild": "the host was done, and had a child process left",
    "leave_a_child_and_die": "a child process outlived the host",
    "leave_a_call": "1 left after the attempt: waiting",
    "leave_a_crowd": "the good spell's result int 7 ≠ int 8",
    "fail": "expected `ok`, got `runtime`: it failed",
    "limit": "expected `ok`, got `limit:memory`",
}
"""What each command of the toy must be found out for."""


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setattr(process, "EXIT_S", 1.0)


def run(source: str, *expect: str, **more: Any) -> Ran:
    """Run one command of the toy."""
    case = HostileCase(
        id="a-case",
        description="What it does.",
        source=source,
        expect=list(expect or ("ok",)),
        **more,
    )
    return runner.run_case(case, GOOD, engine="hostile_toy:HostileToy", isolation="inproc")


def test_what_behaves_passes() -> None:
    """A case that ends as it may passes; the script got the parameters."""
    ran = run("behave", result={"pid": True, "canary": True})
    assert ran.problems == []
    assert (ran.outcome, ran.failure) == ("ok", None)
    assert ran.found is not None
    assert ran.found.isolation == "inproc"


def test_an_error_of_an_allowed_kind_passes() -> None:
    """Any of the allowed outcomes will do."""
    assert run("fail", "ok", "runtime").problems == []


def test_values_keep_their_types() -> None:
    """A result comes back as it was, whatever JSON lacks."""
    ran = run("many_values", result=[None, 1, 1.0, float("nan"), b"\0", {"$t": 1}, "x"])
    assert ran.problems == []


@pytest.mark.parametrize("source", PROBLEMS)
def test_what_goes_wrong_is_seen(source: str) -> None:
    """Each is named as what it is."""
    ran = run(source)
    assert any(found.startswith(PROBLEMS[source]) for found in ran.problems), ran.problems


@pytest.mark.parametrize("source", ["leave_a_child", "leave_a_grandchild"])
def test_what_a_host_has_left_is_ended(source: str) -> None:
    """It is seen before the host goes, and killed once it has gone."""
    assert any(found.startswith("a child process outlived") for found in run(source).problems)


def test_the_environment_shows_in_details() -> None:
    """Everything an error carries is looked through."""
    assert run("show_environment", "runtime").problems == [
        "the canary of the environment is in the report"
    ]


def test_a_result_that_differs_is_shown_with_types() -> None:
    """The exact result is compared where the outcome is ok."""
    (problem,) = run("outlast", result=2).problems
    assert problem == "result int 2 ≠ int 1"


def test_a_limit_says_its_value_and_option() -> None:
    """A limit that does neither is a problem of its own."""
    assert run("limit", "limit:memory").problems == []
    first, second = run("nameless_limit", "limit:memory").problems
    assert "does not carry its value" in first
    assert "does not name --memory" in second


def test_an_overrun_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that goes on long after its wall clock fails."""
    monkeypatch.setattr(verdict, "OVERRUN_S", 0.1)
    (problem,) = run("outlast", limits={"timeout_s": 0.1}).problems
    assert problem.startswith("it ran 0.3")


def test_a_hang_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that hangs is killed at its deadline, and so are its children."""
    monkeypatch.setattr(runner, "START_S", 2.0)
    ran = run("hang", limits={"timeout_s": 0.5})
    assert ran.problems[0] == "the host process hung, and was killed"
    (orphan,) = ran.traces.ending.orphans
    assert not process._start_time(int(orphan.split()[0]))


def test_a_required_lock_is_demanded() -> None:
    """An engine without one fails the case where it is required."""
    case = HostileCase(id="a-case", description="", source="behave", expect=["ok"])
    ran = runner.run_case(
        case, GOOD, engine="hostile_toy:HostileToy", isolation="inproc", require_lock=True
    )
    assert ran.outcome == "unsupported"
    assert ran.problems


def test_a_failure_shows_case_script_and_problems() -> None:
    """The report says what was attempted, by which lines, and what came of it."""
    failure = run("fail").failure
    assert failure is not None
    assert failure.splitlines()[:2] == [
        "hostile_toy:HostileToy: hostile case `a-case` (.toml, since )",
        "  What it does.",
    ]
    assert "    1 | fail" in failure
    assert "  expected `ok`, got `runtime`: it failed" in failure


def test_hosts_get_no_environment_but_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of whoever runs the tests do not reach a host."""
    monkeypatch.setenv("SOME_API_KEY", "sk-1")
    assert set(environment(HOSTILE_CANARY="x")) <= {
        "PATH",
        "HOME",
        "LANG",
        "PYTHONPATH",
        "HOSTILE_CANARY",
    }
    assert os.environ["SOME_API_KEY"] == "sk-1"
