"""The contract passes an engine that keeps it, and catches one that does not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from llmspell_core.engine import EngineConfig, EngineInfo, ScriptEngine
from llmspell_testkit import EngineContract, engine_cases, host, load_cases
from llmspell_testkit.host import EngineHost, Host
from llmspell_testkit.remote import RemoteHost

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llmspell_core.session import Session
    from llmspell_core.values import Value
    from llmspell_testkit import Case

pytest_plugins = ["pytester"]

HERE = Path(__file__).parent
FEW = (
    "values-nothing",
    "values-int",
    "values-float-whole",
    "errors-runtime",
    "params-text",
    "params-seen-by-a-bridge",
    "calls-add",
    "limits-endless-loop",
    "syntax-validate-error",
    "stdlib-chance",
    "limits-endless-waiting",
    "stdlib-console-no-arguments",
    "lacking-bytes",
)
ONCE = 4
"""Tests of a class that run once, whatever its configurations."""
ALL = len(FEW) + 2 + 6 + ONCE
"""The few cases, two limits, six more tests with the engine."""
SECURITY = 2 + 2 + 2
"""Two of the few cases, two limits, two tests are about limits and the sandbox."""
DECLINED = 3
"""Cases that need what `DecliningEngine` declines or lacks."""
SUITE = """
from pathlib import Path
from llmspell_core.engine import EngineConfig
from llmspell_testkit import EngineContract
import toy_engine

class TestToy(EngineContract):
    engine = toy_engine.{engine}
    sources = Path(r"{sources}")
    {more}
"""


class OwnEngine(ScriptEngine):
    """Does nothing."""

    info = EngineInfo(name="own", language="Own", version="1", suffixes=(".own",))

    async def run_script(self, script: str, params: dict[str, Any], session: Session) -> Value:
        return None

    async def check_syntax(self, script: str, name: str) -> None:
        return


class Contract:
    """Runs the contract on one of the toy engines, with a few of its cases."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        pytester.makepyfile(toy_engine=(HERE / "toy_engine.py").read_text())
        pytester.syspathinsert()

    def run(
        self,
        engine: str = "ToyEngine",
        more: str = "",
        sources: Path | None = None,
        options: Sequence[str] = (),
    ) -> pytest.RunResult:
        file = sources or HERE / "few_sources.toml"
        text = SUITE.format(engine=engine, sources=file, more=more)
        self.pytester.makepyfile(test_toy=text)
        # plugins that only cost time here
        idle = [
            f"-pno:{name}" for name in ("cacheprovider", "timeout", "hypothesispytest", "anyio")
        ]
        return self.pytester.runpytest_inprocess(*idle, *options)


@pytest.fixture
def contract(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Contract:
    """Hold a few cases ready, whose limits and deadlines are short."""
    few = {name: _quick(case) for name, case in load_cases().items() if name in FEW}

    def load_few(
        files: Iterable[Path] | None = None, *, version: str | None = None
    ) -> dict[str, Case]:
        return dict(few) if files is None else load_cases(files)

    monkeypatch.setattr(engine_cases, "load_cases", load_few)
    monkeypatch.setattr(host, "GRACE_S", 0.4)
    return Contract(pytester)


def _quick(case: Case) -> Case:
    """Shorten what a case that hangs takes."""
    limits = {"timeout_s": 0.05} if case.limits else {}
    expect = case.expect
    if expect.error and "value" in expect.error.details:
        details = {**expect.error.details, "value": 0.05}
        error = msgspec.structs.replace(expect.error, details=details)
        expect = msgspec.structs.replace(expect, error=error)
    return msgspec.structs.replace(case, limits=limits, expect=expect, deadline_s=0.5)


def test_an_engine_that_keeps_the_contract_passes(contract: Contract) -> None:
    """An engine that does what the cases say passes all of them."""
    result = contract.run()

    result.assert_outcomes(passed=ALL)


def test_what_is_declined_is_deselected_and_said(contract: Contract) -> None:
    """A case that needs what the engine has not is not run, and the summary says so."""
    result = contract.run("DecliningEngine")

    result.assert_outcomes(passed=ALL - DECLINED, deselected=DECLINED)
    result.stdout.fnmatch_lines(
        [
            "TestToy declines hard_timeout: 2 cases not run",
            "TestToy lacks float_identity: 1 case not run",
        ]
    )


def test_a_wrong_type_is_caught(contract: Contract) -> None:
    """An integer that comes back as a float fails, with the typed difference and the contract."""
    result = contract.run("FloatEngine")

    result.stdout.fnmatch_lines(
        [
            "toy: case `values-int` (values.toml, since 0.1)",
            "*contract: docs/contract/values.md#integers",
            "*1 | return 42",
            "*int 42 ≠ float 42.0",
        ]
    )


def test_the_difference_names_the_item(contract: Contract, tmp_path: Path) -> None:
    """A difference inside a list names the item and both types."""
    sources = _sources(tmp_path, "values-float-whole", "return [1, 1, 9007199254740992.0, 10, 2]")

    result = contract.run(sources=sources)

    result.stdout.fnmatch_lines(["*[[]1] float 1.0 ≠ int 1", "*[[]4] float 2.0 ≠ int 2"])
    result.assert_outcomes(passed=ALL - 1, failed=1)


def test_a_wrong_line_is_caught(contract: Contract) -> None:
    """A wrong line number fails; the script shows the line expected and the one given."""
    result = contract.run("OffByOneEngine")

    result.stdout.fnmatch_lines(
        ["* !  1 | call echo 1", "*>   2 | raise boom", "*error line int 2 ≠ int 1"]
    )
    result.assert_outcomes(passed=ALL - 1, failed=1)


def test_a_swallowed_error_is_caught(contract: Contract) -> None:
    """A result where an error was due fails."""
    result = contract.run("SwallowingEngine")

    result.stdout.fnmatch_lines(["*expected an error of kind `runtime`, got the result null"])
    result.assert_outcomes(passed=ALL - 1, failed=1)


def test_an_error_outside_the_tree_is_caught(contract: Contract) -> None:
    """An exception that is none of llmspell's fails as the engine's own."""
    result = contract.run("CrashingEngine")

    result.stdout.fnmatch_lines(["*got a KeyError from the engine itself: *"])
    result.assert_outcomes(passed=ALL - 1, failed=1)


def test_noise_is_caught(contract: Contract) -> None:
    """A log that the script did not write fails."""
    result = contract.run("ChattyEngine")

    result.stdout.fnmatch_lines(['*logs[[]0] nothing ≠ list [[]text "info", text "running"]'])


def test_a_call_left_running_is_caught(contract: Contract) -> None:
    """A call that the engine did not end with the run fails."""
    result = contract.run("LeavingEngine")

    result.stdout.fnmatch_lines(["*1 calls were left running when the run had ended"])


def test_shared_state_is_caught(contract: Contract) -> None:
    """Runs at the same time that see each other's parameters fail."""
    result = contract.run("SharedEngine")

    result.assert_outcomes(passed=ALL - 1, failed=1)
    result.stdout.fnmatch_lines(["FAILED *test_many_runs_at_once*"])


def test_a_hang_meets_the_deadline(contract: Contract) -> None:
    """A case that does not end fails at its deadline, and the cases after it run."""
    result = contract.run("HangingEngine")

    result.stdout.fnmatch_lines(["*it did not end within the deadline of 0.5 s"])
    result.assert_outcomes(passed=ALL - 2, failed=2)


def test_a_blocked_loop_meets_the_deadline(contract: Contract) -> None:
    """A case that blocks the event loop is interrupted, and the cases after it run."""
    result = contract.run("BlockingEngine")

    result.stdout.fnmatch_lines(["*it did not end within the deadline of 0.5 s"])
    result.assert_outcomes(passed=ALL - 2, failed=2)


def test_a_hang_below_python_meets_the_deadline(contract: Contract) -> None:
    """A case that hangs where no signal arrives is ended with its process, and the others run."""
    result = contract.run("StuckEngine")

    result.stdout.fnmatch_lines(["*it did not end within the deadline of 0.5 s"])
    result.assert_outcomes(passed=ALL - 2, failed=2)


def test_a_crash_is_caught(contract: Contract) -> None:
    """An engine that takes its process with it fails that case, with what it said, and no other."""
    result = contract.run("DyingEngine")

    result.stdout.fnmatch_lines(
        ["*the process that held the engine ended with signal 9:", "*out of luck"]
    )
    result.assert_outcomes(passed=ALL - 1, failed=1)


@pytest.mark.parametrize(
    ("isolates", "capabilities", "kind"),
    [
        (True, {"hard_timeout"}, EngineHost),
        (False, {"hard_timeout"}, RemoteHost),
        (True, set(), RemoteHost),
    ],
)
def test_an_engine_that_could_hang_has_its_own_process(
    monkeypatch: pytest.MonkeyPatch, *, isolates: bool, capabilities: set[str], kind: type[Host]
) -> None:
    """Only an engine whose scripts have processes, and a clock that ends them, runs in pytest's."""
    info = msgspec.structs.replace(OwnEngine.info, capabilities=frozenset(capabilities))
    monkeypatch.setattr(OwnEngine, "isolates", isolates)
    monkeypatch.setattr(OwnEngine, "info", info)

    held = host.open_host(OwnEngine, EngineConfig())
    held.close()

    assert type(held) is kind


def test_an_engine_that_breaks_is_caught(contract: Contract) -> None:
    """An engine that is of no use after a limit fails the case that comes right after."""
    result = contract.run("OnceEngine")

    result.stdout.fnmatch_lines(["right after case `limits-endless-loop`: toy: case `calls-add`*"])


def test_a_declined_limit_that_is_taken_is_caught(contract: Contract) -> None:
    """An engine that declines a limit and takes it silently fails."""
    result = contract.run("PretendingEngine")

    result.assert_outcomes(passed=ALL - DECLINED - 1, failed=1, deselected=DECLINED)
    result.stdout.fnmatch_lines(["FAILED *test_a_limit_is_held_or_refused*hard_timeout*"])


def test_a_missing_source_fails(contract: Contract, tmp_path: Path) -> None:
    """A case without a source in the engine's language fails; it is not skipped."""
    sources = _sources(tmp_path, "values-int", None)

    result = contract.run(sources=sources)

    result.assert_outcomes(passed=ALL - 1, failed=1)
    result.stdout.fnmatch_lines(["toy: case `values-int` has no source in this language*"])


def test_an_absence_without_a_source_fails(contract: Contract, tmp_path: Path) -> None:
    """What the engine does not state, it has to show to be absent: no words for it are no way out."""
    sources = _sources(tmp_path, "lacking-bytes", None)

    result = contract.run(sources=sources)

    result.assert_outcomes(passed=ALL - 1, failed=1)
    result.stdout.fnmatch_lines(["toy: case `lacking-bytes` has no source in this*"])


@pytest.mark.parametrize(
    ("field", "noun", "message"),
    [
        ("capabilities", "bytes", "`bytes`, which belongs in info.traits"),
        ("capabilities", "magic", "info.capabilities names `magic`, which CAPABILITIES has not"),
        ("traits", "int64", "`int64`, which belongs in info.capabilities"),
        ("traits", "magic", "info.traits names `magic`, which TRAITS has not"),
    ],
)
def test_a_noun_in_the_wrong_set_is_caught(
    monkeypatch: pytest.MonkeyPatch, field: str, noun: str, message: str
) -> None:
    """A noun that is unknown, or that belongs in the other set, fails, and is told where it belongs."""
    info = msgspec.structs.replace(OwnEngine.info, **{field: frozenset({noun})})
    monkeypatch.setattr(OwnEngine, "info", info)
    contract: Any = type("TestOwn", (EngineContract,), {"engine": OwnEngine})()

    with pytest.raises(pytest.fail.Exception, match=message):
        getattr(contract, f"test_{field}_are_documented")()


def test_a_known_failure_is_expected(contract: Contract) -> None:
    """A case declared to fail, with a reason, counts as an expected failure."""
    result = contract.run("OffByOneEngine", 'known_failures = {"errors-runtime": "issue 12"}')

    result.assert_outcomes(passed=ALL - 1, xfailed=1)


def test_a_known_failure_that_passes_fails(contract: Contract) -> None:
    """A case declared to fail that passes fails the run, so that the list stays true."""
    result = contract.run(more='known_failures = {"errors-runtime": "issue 12"}')

    result.assert_outcomes(passed=ALL - 1, failed=1)
    result.stdout.fnmatch_lines(["case `errors-runtime` is in known_failures, and passes*"])


def test_an_unknown_known_failure_fails(contract: Contract) -> None:
    """A declared failure that names no case fails the run."""
    result = contract.run(more='known_failures = {"no-such-case": "issue 12"}')

    result.assert_outcomes(passed=ALL - 1, failed=1)
    result.stdout.fnmatch_lines(["*known_failures names no case: no-such-case*"])


def test_a_declined_known_failure_fails(contract: Contract) -> None:
    """A declared failure of a case that never runs fails the run."""
    result = contract.run("DecliningEngine", 'known_failures = {"values-float-whole": "later"}')

    result.assert_outcomes(passed=ALL - DECLINED - 1, failed=1, deselected=DECLINED)
    result.stdout.fnmatch_lines(["*known_failures names cases that are declined*"])


def test_every_configuration_is_held_to_the_contract(contract: Contract) -> None:
    """Each configuration runs every case, and its own declines are its own."""
    configs = 'configs = (EngineConfig(), EngineConfig(isolation="inproc"))'

    result = contract.run(more=configs)

    result.assert_outcomes(passed=2 * (ALL - ONCE) + ONCE - 2, deselected=2)


@pytest.mark.parametrize(
    ("suite", "passed"),
    [
        ("contract_standard", ALL - SECURITY),
        ("contract_security", SECURITY),
        ("contract_language", 0),
        ("contract_performance", 0),
    ],
)
def test_a_suite_can_be_chosen(contract: Contract, suite: str, passed: int) -> None:
    """Each test belongs to one suite, by a marker."""
    result = contract.run(options=["-m", suite])

    result.assert_outcomes(passed=passed, deselected=ALL - passed)


def test_performance_is_asked_for(contract: Contract) -> None:
    """The performance suite runs where the option asks for it, on the cases that there are."""
    more = 'ratios = {"start": 0.1}'

    result = contract.run(
        more=more, options=["--contract-performance", "-m", "contract_performance"]
    )

    result.assert_outcomes(passed=1, deselected=ALL)


def test_a_slow_down_fails(contract: Contract) -> None:
    """A ratio far beyond what the class states fails, with the rule and both figures."""
    more = 'ratios = {"locked-start": 0.00001}'

    result = contract.run(more=more, options=["--contract-performance"])

    result.assert_outcomes(passed=ALL, failed=1)
    result.stdout.fnmatch_lines(
        ["toy: start: *more than 5 times the stated 1e-05", "docs/contract/README.md#performance"]
    )


class Mixin:
    """What might come in by the side."""

    def test_case(self) -> None:
        return


def test_an_override_by_a_base_is_refused() -> None:
    """A part of the contract that another base replaces is refused, too."""
    with pytest.raises(TypeError, match="test_case overrides a part of the contract"):
        type("TestMine", (Mixin, EngineContract), {})


def test_no_configuration_is_refused() -> None:
    """A subclass that would run nothing is refused when it is defined."""
    with pytest.raises(TypeError, match="configs is empty"):
        type("TestMine", (EngineContract,), {"configs": ()})


@pytest.mark.parametrize("name", ["test_case", "cases", "declined", "_failure"])
def test_an_override_is_refused(name: str) -> None:
    """A subclass that replaces a part of the contract is refused when it is defined."""
    with pytest.raises(TypeError, match=f"{name} overrides a part of the contract"):
        type("TestMine", (EngineContract,), {name: None})


def _sources(folder: Path, name: str, source: str | None) -> Path:
    """Write the toy's sources with one of them replaced, or left out."""
    lines = (HERE / "few_sources.toml").read_text().splitlines()
    kept = [line for line in lines if not line.startswith(f"{name} ")]
    if source is not None:
        kept.append(f'{name} = "{source}"')
    file = folder / "sources.toml"
    file.write_text("\n".join(kept))
    return file
