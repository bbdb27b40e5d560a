"""The pytest plugin of a child process: it narrows the contract, and tells how each test ended."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from llmspell_testkit.bridge.check import Trial
from llmspell_testkit.conformance.records import Ratio, Result
from llmspell_testkit.not_asked import not_asked
from llmspell_testkit.performance import MEASURES, RATIO
from llmspell_testkit.plugin import DECLINED, LEFT_OUT
from llmspell_testkit.rules import case_of
from llmspell_testkit.verdict import DIFFERENCES

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from llmspell_testkit.conformance.subjects import Choice
    from llmspell_testkit.engine import EngineContract

_ROW = re.compile(r"  ([> ])([! ]) *(\d+) \| ")
_OF_METADATA = frozenset(
    {
        "answer-typed",
        "arguments-typed",
        "bridge-described",
        "bridge-names",
        "described",
        "example",
        "metadata-is-json",
        "names",
        "names-apart",
        "same-metadata",
    }
)
"""The checks of bridges that need nothing but the class."""
_OWN_TOPIC = "contract"
"""The topic of the tests that are no cases."""
_PERFORMANCE = "performance"
"""The topic of the ratios, which are asked for."""


class Started(msgspec.Struct, frozen=True, kw_only=True, tag="started"):
    """How many tests will run."""

    tests: int


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """A test has ended, or was declined."""

    result: Result


Event = Started | Ended


class Recorder:
    """Sends an event for each test of the run."""

    def __init__(self, choice: Choice, send: Callable[[Event], None]) -> None:
        """Take what the run is narrowed to, and where the events go."""
        self.choice = choice
        self.send = send
        self._ended: dict[str, Result] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what is not asked for, before the contract's plugin counts what is declined."""
        items[:] = [item for item in items if self._wanted(item)]
        for item in items:
            mark = item.get_closest_marker(DECLINED)
            if mark is not None:
                result = describe(item)
                self.send(Ended(result=_with(result, outcome="declined", declines=mark.args[0])))

    def _wanted(self, item: pytest.Item) -> bool:
        result = describe(item)
        return (
            item.get_closest_marker(LEFT_OUT) is None
            and not (self.choice.partial and _needs_a_world(item))
            and self.choice.wants(result.topic, result.id)
        )

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Say how many tests there are."""
        self.send(Started(tests=len(session.items)))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep how a phase of a test ended; a failure is a failure in whichever phase."""
        report = yield
        before = self._ended.get(item.nodeid)
        result = before or describe(item)
        result = _with(result, duration_s=round(result.duration_s + call.duration, 6))
        told: Any = dict(item.user_properties).get(RATIO)
        if report.when == "call" and told is not None:
            result = _with(result, ratio=Ratio(found=round(told[0], 4), most=told[1]))
        if report.failed:
            result = _failed(result, report.longreprtext)
        elif hasattr(report, "wasxfail"):
            # pytest before 8.4 writes "reason: " before what `pytest.xfail` was given
            reason = report.wasxfail.removeprefix("reason: ")
            result = _with(result, outcome="known", problems=[reason])
        elif lacking := not_asked(report)[1:]:
            result = _with(result, outcome="declined", declines=lacking)
        elif report.skipped:
            result = _failed(result, "it was skipped: a contract skips nothing")
        self._ended[item.nodeid] = result
        return report

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Send how a test ended."""
        self.send(Ended(result=self._ended.pop(nodeid)))


def _needs_a_world(item: pytest.Item) -> bool:
    """Whether a test of a bridge needs what only its own contract tells."""
    trial = item.callspec.params.get("bridge_trial") if hasattr(item, "callspec") else None
    return not (isinstance(trial, Trial) and trial.check.id in _OF_METADATA)


def describe(item: pytest.Item) -> Result:
    """Say what a test is about, as passed."""
    assert isinstance(item, pytest.Function)
    params: dict[str, Any] = item.callspec.params if hasattr(item, "callspec") else {}
    case = case_of(params)
    trial = params.get("bridge_trial")
    if case is not None:
        contract: type[EngineContract] = item.cls
        return Result(
            id=case.id,
            topic=case.topic,
            outcome="passed",
            heading=case.heading,
            description=case.description,
            script=case.source.get(contract.engine.info.name),
        )
    if isinstance(trial, Trial):
        return Result(
            id=trial.id,
            topic=trial.check.group,
            outcome="passed",
            heading=f"bridges#{trial.check.heading}",
            description=trial.check.rule,
        )
    name = item.originalname.removeprefix("test_").replace("_", "-")
    measure = params.get("contract_measure")
    about = measure or params.get("contract_limit")
    first, _, _ = (item.function.__doc__ or "").strip().partition("\n")
    return Result(
        id=f"{name}-{about}" if about else name,
        topic=_PERFORMANCE if measure else _OWN_TOPIC,
        outcome="passed",
        heading=getattr(item.function, "contract_heading", ""),
        description=f"{MEASURES[measure].what}." if measure else first,
    )


def _with(result: Result, **changed: Any) -> Result:
    return msgspec.structs.replace(result, **changed)


def _failed(result: Result, report: str) -> Result:
    """Take a report apart: the script's marked lines, and each difference."""
    text = report.encode("utf-8", "replace").decode()  # half a surrogate is no JSON
    script, found, differences = text.partition(f"\n{DIFFERENCES}\n")
    if not found:
        return _with(result, outcome="failed", problems=[*result.problems, text.strip()])
    marked = {
        mark: int(row[3])
        for row in map(_ROW.match, script.split("\n"))
        if row
        for mark in row.groups()[:2]
        if mark != " "
    }
    problems = [part.rstrip() for part in re.split(r"(?m)^  (?=\S)", differences) if part.strip()]
    return _with(
        result,
        outcome="failed",
        problems=[*result.problems, *problems],
        expected_line=marked.get(">"),
        got_line=marked.get("!"),
    )
