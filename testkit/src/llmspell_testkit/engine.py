"""`EngineContract`: what every script engine must do, as tests that a subclass inherits.

The whole of a third party's test file::

    from llmspell_core.engine import EngineConfig
    from llmspell_testkit import EngineContract
    from my_engine import MyEngine

    class TestMyEngine(EngineContract):
        engine = MyEngine
        configs = (EngineConfig(isolation="inproc"),)
        sources = Path(__file__).with_name("my_sources.toml")
        known_failures = {"values-deep": "the parser stops at 20 levels, see issue 12"}
"""

from __future__ import annotations

from inspect import getattr_static
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from llmspell_core.engine import CAPABILITIES, TRAITS
from llmspell_testkit.checks import CheckError
from llmspell_testkit.engine_cases import EngineCases
from llmspell_testkit.performance import MEASURES, RATIO, most, verdict
from llmspell_testkit.rules import needing, rule
from llmspell_testkit.verdict import problems, report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from llmspell_testkit.bridge.speak import Speaker
    from llmspell_testkit.case import Case
    from llmspell_testkit.host import Host

SETTINGS = frozenset(
    {"engine", "configs", "sources", "case_files", "known_failures", "version", "ratios", "speaker"}
)
"""What a subclass of `EngineContract` may set; everything else is the contract's own."""


class EngineContract(EngineCases):
    """Subclass it, name the engine, and run pytest.

    `configs` are the configurations the engine must pass with, told apart by their isolation.
    `sources` is a TOML file with the source of each case in the engine's language (case id = text);
    the packaged cases have Lua and JavaScript. `case_files` adds cases of your own.
    `known_failures` maps a case id to the reason why it fails today: it is strict, so an id that no
    case has fails, and so does a case that passes. `version` is an older version of the contract to
    be held to. `ratios` state how fast the engine is, by the names of
    `performance.MEASURES`, with the isolation before it where that matters (``inproc-call``).
    `speaker` writes the scripts with which the contracts of bridges ask the engine, see `CallChain`;
    the testkit has Lua's and JavaScript's.

    Nothing else can be overridden. Pin the testkit to a minor version: a new one may add cases.
    """

    known_failures: ClassVar[Mapping[str, str]] = {}
    ratios: ClassVar[Mapping[str, float]] = {}
    speaker: ClassVar[Speaker | None] = None

    def __init_subclass__(cls) -> None:
        """Refuse a subclass that replaces a part of the contract.

        Raises:
            TypeError: it names the part, and what to do instead.
        """
        super().__init_subclass__()
        parts = {**vars(EngineCases), **vars(EngineContract)}
        for name, part in parts.items():
            if name[:2] != "__" and name not in SETTINGS and getattr_static(cls, name) is not part:
                text = (
                    f"{cls.__name__}.{name} overrides a part of the contract; "
                    "declare what fails in `known_failures`, with the reason"
                )
                raise TypeError(text)
        if not cls.configs:
            text = f"{cls.__name__}.configs is empty: the engine would be held to nothing"
            raise TypeError(text)

    def test_case(self, contract_host: Host, contract_case: Case) -> None:
        """The engine does what the case says. If this fails, the report names the contract's page."""
        self._judge(contract_case, self._failure(contract_host, contract_case))

    def test_what_is_declined_is_refused(self, contract_host: Host, contract_refusal: Case) -> None:
        """A script that uses what the engine declines gets an unsupported error.

        If this fails, the engine ignores something silently, or fails without saying why.
        """
        self._judge(contract_refusal, self._failure(contract_host, contract_refusal))

    def test_what_is_lacking_is_not_there(
        self, contract_host: Host, contract_absence: Case
    ) -> None:
        """A trait that the engine does not state is one that its language has not.

        If this fails, the engine has the trait: state it in `info.traits`, to be held to it.
        """
        self._judge(contract_absence, self._failure(contract_host, contract_absence))

    def _judge(self, case: Case, found: str | None) -> None:
        """Pass or fail the test of a case by the report of its failure, if there is one."""
        reason = self.known_failures.get(case.id)
        if reason is not None and found is None:
            text = f"case `{case.id}` is in known_failures, and passes: remove it ({reason})"
            pytest.fail(text, pytrace=False)
        if found is not None and reason is not None:
            pytest.xfail(reason)
        if found is not None:
            pytest.fail(found, pytrace=False)

    def _failure(self, host: Host, case: Case) -> str | None:
        """Run a case, and the one it wants to follow; return the report of what failed first."""
        name = self.engine.info.name
        source = case.source.get(name)
        if source is None:
            return (
                f"{name}: case `{case.id}` has no source in this language; "
                "supply it in the file that `sources` names"
            )
        outcome = host.run(case, source)
        found = problems(case, outcome)
        if found:
            return report(name, case, source, outcome, found)
        if case.then is not None:
            after = self._failure(host, self.cases()[case.then])
            return after and f"right after case `{case.id}`: {after}"
        return None

    def _check(self, host: Host, name: str, **arguments: Any) -> None:
        """Run one of `checks.CHECKS`; fail with what it found."""
        try:
            host.check(name, **arguments)
        except CheckError as error:
            pytest.fail(f"{self.engine.info.name}: {error}", pytrace=False)
        except TimeoutError:
            pytest.fail(f"{self.engine.info.name}: it did not end in time", pytrace=False)

    def _example(self, name: str) -> tuple[Case, str]:
        """Return a case that a test is built on, and its source in the engine's language."""
        case = self.cases()[name]
        source = case.source.get(self.engine.info.name)
        if source is None:
            pytest.fail(f"case `{name}` has no source in this language", pytrace=False)
        return case, source

    @rule("limits#setting-limits")
    def test_a_limit_is_held_or_refused(self, contract_host: Host, contract_limit: str) -> None:
        """A limit is taken where the engine claims it, and refused where it declines.

        If this fails, the engine ignores a limit silently, or refuses what it claims to hold.
        """
        self._check(contract_host, "limit", capability=contract_limit)

    @rule("README#capabilities")
    def test_capabilities_are_documented(self) -> None:
        """Every capability is one that `CAPABILITIES` explains.

        If this fails, it is misspelt, or it is a trait of the language.
        """
        self._documented("capabilities", CAPABILITIES, "traits", TRAITS)

    @rule("README#traits")
    def test_traits_are_documented(self) -> None:
        """Every trait is one that `TRAITS` explains.

        If this fails, it is misspelt, or it is a capability of the engine.
        """
        self._documented("traits", TRAITS, "capabilities", CAPABILITIES)

    def _documented(
        self, field: str, nouns: Mapping[str, str], other: str, others: Mapping[str, str]
    ) -> None:
        """Fail with each noun of a set of `info` that is not there, and say in which it belongs."""
        wrong = [
            f"info.{field} names `{noun}`, which "
            + (f"belongs in info.{other}" if noun in others else f"{field.upper()} has not")
            for noun in sorted(getattr(self.engine.info, field) - set(nouns))
        ]
        if wrong:
            pytest.fail(f"{self.engine.info.name}: {'; '.join(wrong)}", pytrace=False)

    @rule("README#what-an-engine-says-of-itself")
    def test_info_is_complete(self) -> None:
        """The engine has a name, a language, a version and suffixes. If this fails, no CLI finds it."""
        info = self.engine.info
        assert info.name == info.name.lower()
        assert info.language
        assert info.version
        assert info.suffixes
        assert all(suffix.startswith(".") for suffix in info.suffixes)

    @rule("README#known-failures")
    def test_known_failures_are_cases(self) -> None:
        """Every known failure is a case that some configuration runs. If this fails, remove it."""
        cases = self._all()
        unknown = sorted(set(self.known_failures) - set(cases))
        assert not unknown, f"known_failures names no case: {', '.join(unknown)}"
        run: set[str] = set()
        for config in self.configs:
            run.update(self.refusals(config))
            chosen = {**self.cases(), **self.absences()}
            run.update(name for name, it in chosen.items() if not self.declined(it, config))
        unused = sorted(set(self.known_failures) - run)
        assert not unused, f"known_failures names cases that are declined: {', '.join(unused)}"

    @rule("calls#bridges-come-and-go")
    def test_a_bridge_comes_and_goes(self, contract_host: Host) -> None:
        """A registered bridge can be called, and an unregistered one is gone.

        If this fails, `register_bridge` and `unregister_bridge` do not do what they say.
        """
        case, source = self._example("calls-add")
        self._check(contract_host, "bridge", source=source, result=case.expect.result)

    @rule("scripts#files")
    def test_a_file_runs(self, contract_host: Host, tmp_path: Path) -> None:
        """A file of the engine's suffix runs, with parameters, and errors name it.

        If this fails, `execute_file` does not hand the file's text and name to the script.
        """
        case, source = self._example("params-text")
        file = tmp_path / f"spell{self.engine.info.suffixes[0]}"
        file.write_text(source, encoding="utf-8")
        result = case.expect.result
        self._check(contract_host, "file", path=str(file), params=case.params, result=result)
        _, failing = self._example("syntax-validate-error")
        file.write_text(failing, encoding="utf-8")
        self._check(contract_host, "file_name", path=str(file))

    @rule("concurrency#runs-at-once")
    def test_many_runs_at_once(self, contract_host: Host) -> None:
        """Ten scripts that run at once each get their own result.

        If this fails, runs share state that belongs to one of them.
        """
        _, source = self._example("params-seen-by-a-bridge")
        self._check(contract_host, "many", source=source)

    @rule("stdlib#chance")
    @needing("stdlib")
    def test_a_seed_repeats_a_run(self, contract_host: Host) -> None:
        """The same seed gives the same chance, another seed another.

        If this fails, a run cannot be repeated from what crossed the boundary.
        """
        _, source = self._example("stdlib-chance")
        self._check(contract_host, "seed", source=source)

    @rule("limits#cancelling")
    def test_a_cancelled_run_ends_its_calls(self, contract_host: Host) -> None:
        """Cancelling a run from outside cancels the calls it has open.

        If this fails, a run that nobody waits for any more goes on spending.
        """
        _, source = self._example("limits-endless-waiting")
        self._check(contract_host, "cancelled", source=source)

    @rule("sandbox#runs")
    def test_a_failure_leaves_nothing(self, contract_host: Host) -> None:
        """A run that failed leaves nothing to the next one on the same engine.

        If this fails, a script's mistake is another script's.
        """
        _, failing = self._example("errors-runtime")
        case, source = self._example("calls-add")
        result = case.expect.result
        self._check(contract_host, "after_a_failure", failing=failing, source=source, result=result)

    @rule("README#performance")
    def test_performance(
        self,
        contract_host: Host,
        contract_measure: str,
        record_property: Callable[[str, object], None],
    ) -> None:
        """The engine is as fast as it states, against a control in the same run.

        If this fails, something became many times slower.
        """
        _, source = self._example(MEASURES[contract_measure].case)
        _, empty = self._example("values-nothing")
        found = contract_host.check(
            "ratio", deadline_s=60.0, measure=contract_measure, source=source, empty=empty
        )
        exact = f"{contract_host.config.isolation}-{contract_measure}"
        stated = self.ratios.get(exact, self.ratios.get(contract_measure))
        record_property(RATIO, [found, most(contract_measure, stated)])
        wrong = verdict(contract_measure, found, stated)
        if wrong is not None:
            pytest.fail(f"{self.engine.info.name}: {wrong}", pytrace=False)
