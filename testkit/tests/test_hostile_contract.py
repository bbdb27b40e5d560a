"""`HostileContract` and the command: what passes, what fails, and what they say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from llmspell_testkit import HostileContract
from llmspell_testkit.hostile.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ["pytester"]

HERE = Path(__file__).parent
ENGINE = "hostile_toy:HostileToy"
GOOD = 'source = "good"\nresult = 7\n'
CASES = """
topic = "toy"
since = "0.2"
[[case]]
id = "toy-behaves"
description = "It does nothing."
source = "behave"
expect = ["ok"]
[[case]]
id = "toy-marks"
description = "It writes a file."
source = "mark"
expect = ["ok"]
"""
SUITE = """
from llmspell_testkit import HostileContract


class TestToy(HostileContract):
    engine = "hostile_toy:HostileToy"
    cases = {cases!r}
    isolation = "inproc"
    {more}
"""


@pytest.fixture
def cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two cases of the toy: one that passes, one that fails."""
    monkeypatch.syspath_prepend(str(HERE))
    folder = tmp_path / "cases"
    folder.mkdir()
    (folder / "good.toml").write_text(GOOD, encoding="utf-8")
    (folder / "toy.toml").write_text(CASES, encoding="utf-8")
    return folder


@pytest.fixture
def run_suite(pytester: pytest.Pytester, cases: Path) -> Callable[..., pytest.RunResult]:
    """Run the contract on the two cases."""

    def run(more: str = "", *options: str) -> pytest.RunResult:
        pytester.makepyfile(test_toy=SUITE.format(cases=str(cases), more=more))
        idle = [
            f"-pno:{name}" for name in ("cacheprovider", "timeout", "hypothesispytest", "anyio")
        ]
        return pytester.runpytest_inprocess(*idle, *options)

    return run


def test_each_case_is_a_test(run_suite: Callable[..., pytest.RunResult]) -> None:
    """What gets out fails, with the case, the script and what is wrong."""
    result = run_suite()

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "hostile_toy:HostileToy: hostile case `toy-marks` (toy.toml, since 0.2)",
            "*1 | mark",
            "*the marker exists: something wrote a file",
            "FAILED *test_case*toy-marks*",
        ]
    )


def test_only_what_is_chosen_runs(run_suite: Callable[..., pytest.RunResult]) -> None:
    """A case that is deselected starts no host."""
    run_suite("", "-k", "toy-behaves").assert_outcomes(passed=1, deselected=2)


def test_a_known_failure_is_expected(run_suite: Callable[..., pytest.RunResult]) -> None:
    """A case declared to fail, with a reason, counts as an expected failure."""
    result = run_suite('known_failures = {"toy-marks": "issue 12"}')

    result.assert_outcomes(passed=2, xfailed=1)


def test_a_known_failure_that_passes_fails(run_suite: Callable[..., pytest.RunResult]) -> None:
    """A case declared to fail that passes fails the run, and so does one that is none."""
    result = run_suite('known_failures = {"toy-behaves": "issue 12", "no-such-case": "x"}')

    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            "case `toy-behaves` is in known_failures, and passes: remove it (issue 12)",
            "*known_failures names no case: no-such-case*",
        ]
    )


@pytest.mark.parametrize("name", ["test_case", "corpus", "start"])
def test_an_override_is_refused(name: str) -> None:
    """A subclass that replaces a part of the contract is refused when it is defined."""
    with pytest.raises(TypeError, match=f"{name} overrides a part of the contract"):
        type("TestMine", (HostileContract,), {name: None})


def test_the_command_prints_one_line_a_case(
    cases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It prints each case with its outcome, then each failure whole, and exits with 1."""
    assert main([ENGINE, "--cases", str(cases), "--isolation", "inproc"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[::2] == ["ok", "s", "ok"]
    assert lines[0].split()[3] == "toy-behaves"
    assert lines[1].startswith("FAIL ")
    assert "  the marker exists: something wrote a file" in lines
    assert lines[-1] == "2 cases, 1 failed, isolation: inproc"


def test_the_command_runs_one_case(cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--case` chooses; where nothing fails the exit code is 0."""
    chosen = ["--case", "toy-behaves", "--isolation", "inproc"]
    assert main([ENGINE, "--cases", str(cases), *chosen]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 cases, 0 failed, isolation: inproc"


def test_the_command_knows_its_cases(cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A case that does not exist is a mistake in its use."""
    with pytest.raises(SystemExit) as caught:
        main([ENGINE, "--cases", str(cases), "--case", "no-such-case"])
    assert caught.value.code == 2
    assert "no case of that name" in capsys.readouterr().err
