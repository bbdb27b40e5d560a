"""The integration contract passes what keeps it, and catches what does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core import Plugin, dispatch
from llmspell_core.errors import InternalError, NetworkError, ToolError
from llmspell_core.telemetry import span
from llmspell_testkit import IntegrationContract, MockEngine, load_scenarios, recording_spans
from llmspell_testkit.host import Outcome
from llmspell_testkit.integration import SideEffects
from llmspell_testkit.integration.chaotic import outcome_problems
from llmspell_testkit.integration.verdict import effect_problems
from llmspell_testkit.loader import CaseFileError

if TYPE_CHECKING:
    from pathlib import Path

    from llmspell_core import Session

pytest_plugins = ["pytester"]

SCENARIOS = """
topic = "notes"
since = "0.1"

[[case]]
id = "notes-kept"
description = "A note is kept."
heading = "notes#keeping"
bridges = ["notes"]
params.where = "{url}/x"
files = { "before.txt" = "here" }
source.mock = "keep"
expect.result = { "$match" = "^http://127.*/x$" }
expect.calls = ["notes.keep ok"]
expect.spans = ["spell.run {engine}", "bridge.call notes.keep"]
expect.files = { "before.txt" = "here", "note.txt" = { "$match" = "kept" } }
expect.fetched = ["POST /x hello"]
"""
SUITE = """
from pathlib import Path
from llmspell_core import Bridge, method
from llmspell_testkit import IntegrationContract
import urllib.request

class Notes(Bridge):
    name = "notes"

    def __init__(self, folder):
        self.folder = folder

    @classmethod
    def from_settings(cls, settings):
        return cls(settings["folder"])

    @method()
    async def keep(self, where: str) -> str:
        {keep}

class TestNotes(IntegrationContract):
    engines = ("mock",)
    bridges = (Notes,)
    isolation = "inproc"
    packaged = False
    scenario_files = (Path(__file__).with_name("notes.toml"),)
    {more}

    @staticmethod
    def settings(provider, folder):
        return {{"notes": {{"folder": folder}}}}
"""
GOOD = """
        (self.folder / "note.txt").write_text("kept")
        request = urllib.request.Request(where, b"hello", method="POST")
        try: urllib.request.urlopen(request)
        except OSError: pass
        return where
"""


async def _keep(params: dict[str, Any], session: Session) -> object:
    return await dispatch.call(session, "notes", "keep", [params["where"]])


Mock = MockEngine.scripted({"keep": _keep})
PLUGIN = Plugin(group="llmspell.engines", name="mock", target="x:Mock", distribution="x")


@pytest.fixture(autouse=True)
def _one_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be installed but one mock engine."""

    def installed(group: str, path: object = None) -> dict[str, Plugin]:
        return {"mock": PLUGIN} if group == "llmspell.engines" else {}

    monkeypatch.setattr(Plugin, "load", lambda plugin: Mock)
    for module in ("engine_set", "bridge_set", "runtime"):
        monkeypatch.setattr(f"llmspell_core.{module}.installed", installed)
    monkeypatch.setattr("llmspell_testkit.integration.contract.installed", installed)
    monkeypatch.setattr("llmspell_testkit.integration.world.installed", installed)


def run(pytester: pytest.Pytester, keep: str = GOOD, more: str = "") -> pytest.RunResult:
    """Run the contract with a bridge of a test's own."""
    pytester.path.joinpath("notes.toml").write_text(SCENARIOS)
    pytester.makepyfile(test_notes=SUITE.format(keep=keep.strip(), more=more))
    idle = [f"-pno:{name}" for name in ("cacheprovider", "timeout", "hypothesispytest", "anyio")]
    return pytester.runpytest_inprocess(*idle)


def test_a_good_bridge_passes(pytester: pytest.Pytester) -> None:
    """Result, calls, spans, files and requests are as the scenario says."""
    run(pytester).assert_outcomes(passed=2)


def test_a_missing_side_effect_is_caught(pytester: pytest.Pytester) -> None:
    """The report names the scenario and each side effect that is not as it should be."""
    result = run(pytester, keep='(self.folder / "note.txt").write_text("lost"); return where')
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*case `notes-kept`*",
            "*docs/notes.md#keeping*",
            '*fetched[[]0[]] text "POST /x hello" ≠ nothing*',
            '*files*note.txt* ≠ text "lost"*',
        ]
    )


def test_known_failures_are_strict(pytester: pytest.Pytester) -> None:
    """One that passes fails, and so does one that no scenario has."""
    result = run(pytester, more='known_failures = {"notes-kept": "x", "nothing": "y"}')
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        ["*in known_failures, and passes*", "*no scenario that runs: nothing*"]
    )


def test_a_missing_source_fails(pytester: pytest.Pytester) -> None:
    """A scenario without a source in a language is never passed over."""
    result = run(pytester, more='engines = ("mock", "cobol")')
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*cobol: scenario `notes-kept` has no source*"])


def test_a_missing_bridge_is_declined(pytester: pytest.Pytester) -> None:
    """A scenario of a bridge that nobody has is not run, and the summary says so."""
    result = run(pytester, more="bridges = ()")
    result.assert_outcomes(passed=1, deselected=1)
    result.stdout.fnmatch_lines(["*declines the bridge notes: 1 case not run*"])


def test_the_contract_cannot_be_overridden() -> None:
    """A subclass that replaces a test is refused when it is defined."""
    with pytest.raises(TypeError, match="test_scenario overrides a part of the contract"):
        type("Bad", (IntegrationContract,), {"test_scenario": lambda self: None})


def test_a_mistake_in_a_scenario_is_named(tmp_path: Path) -> None:
    """An unknown key is an error that names file and scenario."""
    file = tmp_path / "bad.toml"
    file.write_text(SCENARIOS.replace("files =", "filez ="))
    with pytest.raises(CaseFileError, match=r"bad\.toml: case `notes-kept`: .*filez"):
        load_scenarios([file])


def test_every_packaged_scenario_is_in_both_languages() -> None:
    """The testkit's own scenarios are written in Lua and JavaScript, and look at side effects."""
    scenarios = load_scenarios()
    assert len(scenarios) >= 12
    for scenario in scenarios.values():
        assert set(scenario.source) >= {"lua", "javascript"}
        expect = scenario.expect
        effects = (expect.requests, expect.fetched, expect.files)
        assert any(effect is not None for effect in effects), scenario.id
    needed = {bridge for scenario in scenarios.values() for bridge in scenario.bridges}
    assert needed >= {"llm", "fs", "http", "tools", "workflow"}


def test_the_order_may_be_nobodys(tmp_path: Path) -> None:
    """With `any_order`, requests are compared as a set."""
    file = tmp_path / "any.toml"
    file.write_text(
        SCENARIOS.replace("expect.fetched", "expect.any_order = true\nexpect.fetched").replace(
            '["POST /x hello"]', '["GET /a", "GET /b"]'
        )
    )
    scenario = load_scenarios([file])["notes-kept"]
    effects = SideEffects(fetched=["GET /b", "GET /a"])
    found = effect_problems(scenario, "mock", effects)
    assert not [problem for problem in found if problem.startswith("fetched")]


def test_spans_are_recorded_without_opentelemetry() -> None:
    """Core's spans are seen, with what they are about and how they ended."""

    def failing() -> None:
        with span("tool.call", {"llmspell.tool": "x"}):
            raise ToolError("no")

    with recording_spans() as spans:
        with span("bridge.call", {"llmspell.call": "fs.read"}):
            pass
        with pytest.raises(ToolError):
            failing()
    assert [str(it) for it in spans] == ["bridge.call fs.read", "tool.call x !tool"]


def test_what_chaos_may_lead_to(tmp_path: Path) -> None:
    """The expected result and a documented error are right; a hang, a mistake, another value not."""
    file = tmp_path / "notes.toml"
    file.write_text(SCENARIOS.replace('{ "$match" = "^http://127.*/x$" }', '"kept"'))
    scenario = load_scenarios([file])["notes-kept"]

    def wrong(outcome: Outcome, *, exactly: bool = False) -> list[str]:
        return list(outcome_problems(scenario, outcome, exactly=exactly))

    assert wrong(Outcome(value="kept")) == []
    assert wrong(Outcome(error=NetworkError("gone"))) == []
    assert "kind `network`" in wrong(Outcome(error=NetworkError("gone")), exactly=True)[0]
    assert wrong(Outcome(value="other")) == ['result text "kept" ≠ text "other"']
    assert "kind `internal`" in wrong(Outcome(error=InternalError("a mistake")))[0]
    assert wrong(Outcome(hung=True)) == ["it did not end within 30 s"]


def test_chaos_runs_once_for_each_seed(pytester: pytest.Pytester) -> None:
    """With seeds, all scenarios run under chaos; what then hangs or is swallowed is caught."""
    run(pytester, more="chaos_seeds = range(3)").assert_outcomes(passed=5)
    more = 'chaos_seeds = (1,); engines = ("cobol",)'
    run(pytester, more=more).assert_outcomes(passed=2, failed=1)  # not for chaos' sake
    silent = 'return where + "!" if getattr(type(self), "__llmspell_chaos__", 0) else where'
    result = run(pytester, keep=silent, more="chaos_seeds = (1,)")
    result.stdout.fnmatch_lines(["*scenario `notes-kept`, seed 1: result*"])


LEAKS = {
    "descriptors": "import os; self.left.append(os.dup(0))",
    "threads": "import threading; it = threading.Event(); self.left.append(it); "
    "threading.Thread(target=it.wait).start()",
    "tasks": "import asyncio; self.left.append(asyncio.create_task(asyncio.Event().wait()))",
}
CLOSING = """
        return where

    left = []

    async def close(self):
        import os
        for it in self.left:
            os.close(it) if isinstance(it, int) else getattr(it, "cancel", getattr(it, "set", None))()
        self.left.clear()
"""


@pytest.mark.parametrize("sort", LEAKS)
def test_one_leak_a_call_is_caught_under_chaos(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    """A bridge that keeps a single thing of each call, until the host ends, fails with every seed."""
    monkeypatch.setattr("llmspell_testkit.integration.chaotic._SETTLE_S", 0.3)
    keep = GOOD.replace("return where", f"{LEAKS[sort]}{CLOSING}")
    result = run(pytester, keep=keep, more="chaos_seeds = range(3)")
    result.assert_outcomes(passed=2, failed=3)
    result.stdout.fnmatch_lines([f"*expected no more {sort} than the * before, got *"])
