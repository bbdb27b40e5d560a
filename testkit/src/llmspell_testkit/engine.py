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

import asyncio
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import msgspec
import pytest

from llmspell_core.engine import CAPABILITIES, EngineConfig, ScriptEngine
from llmspell_core.errors import LlmspellError, UnsupportedError
from llmspell_testkit.host import probing
from llmspell_testkit.loader import load_cases, load_sources
from llmspell_testkit.probe import ContractBridge
from llmspell_testkit.verdict import problems, report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from llmspell_testkit.case import Case
    from llmspell_testkit.host import EngineHost

F = TypeVar("F", bound="Callable[..., Any]")

LIMIT_SETTERS = {
    "hard_timeout": ("set_timeout", 1.5),
    "memory_limit": ("set_memory_limit", 64 * 1024 * 1024),
}
"""Capabilities whose decline must be told: the method that refuses, and what it is called with."""


SETTINGS = frozenset({"engine", "configs", "sources", "case_files", "known_failures"})
"""What a subclass of `EngineContract` may set; everything else is the contract's own."""


def needing(*capabilities: str) -> Callable[[F], F]:
    """Leave a test of the contract out where the engine declines one of `capabilities`."""

    def mark(test: F) -> F:
        test.__dict__["contract_needs"] = capabilities
        return test

    return mark


class EngineContract:
    """Subclass it, name the engine, and run pytest.

    `configs` are the configurations the engine must pass with, told apart by their isolation.
    `sources` is a TOML file with the source of each case in the engine's language (case id = text);
    the packaged cases have Lua and JavaScript. `case_files` adds cases of your own.
    `known_failures` maps a case id to the reason why it fails today: it is strict, so an id that no
    case has fails, and so does a case that passes.

    Nothing else can be overridden. Pin the testkit to a minor version: a new one may add cases.
    """

    engine: ClassVar[type[ScriptEngine]]
    configs: ClassVar[Sequence[EngineConfig]] = (EngineConfig(),)
    sources: ClassVar[Path | None] = None
    case_files: ClassVar[Sequence[Path]] = ()
    known_failures: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls) -> None:
        """Refuse a subclass that replaces a part of the contract.

        Raises:
            TypeError: it names the part, and what to do instead.
        """
        super().__init_subclass__()
        for name in vars(cls):
            if name in vars(EngineContract) and name not in SETTINGS and name[:2] != "__":
                text = (
                    f"{cls.__name__}.{name} overrides a part of the contract; "
                    "declare what fails in `known_failures`, with the reason"
                )
                raise TypeError(text)

    @classmethod
    def cases(cls) -> dict[str, Case]:
        """Return the cases this engine is held to, by id, its own sources added."""
        cases = load_cases() | load_cases(cls.case_files)
        if cls.sources is not None:
            for name, source in load_sources(cls.sources, cases).items():
                added = {**cases[name].source, cls.engine.info.name: source}
                cases[name] = msgspec.structs.replace(cases[name], source=added)
        return cases

    @classmethod
    def declined(cls, case: Case, config: EngineConfig) -> list[str]:
        """List the capabilities a case needs that the engine, so configured, declines."""
        return cls.declines(case.needs, config)

    @classmethod
    def declines(cls, needs: Iterable[str], config: EngineConfig) -> list[str]:
        """List those of `needs` that the engine, so configured, declines."""
        return sorted(set(needs) - cls.engine(config).capabilities)

    def test_case(self, contract_host: EngineHost, contract_case: Case) -> None:
        """The engine does what the case says. If this fails, the report names the contract's page."""
        found = self._failure(contract_host, contract_case)
        reason = self.known_failures.get(contract_case.id)
        if reason is not None and found is None:
            text = (
                f"case `{contract_case.id}` is in known_failures, and passes: remove it ({reason})"
            )
            pytest.fail(text, pytrace=False)
        if found is not None and reason is not None:
            pytest.xfail(reason)
        if found is not None:
            pytest.fail(found, pytrace=False)

    def _failure(self, host: EngineHost, case: Case) -> str | None:
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

    def _example(self, name: str) -> tuple[Case, str]:
        """Return a case that a test is built on, and its source in the engine's language."""
        case = self.cases()[name]
        source = case.source.get(self.engine.info.name)
        if source is None:
            pytest.fail(f"case `{name}` has no source in this language", pytrace=False)
        return case, source

    def test_a_limit_is_held_or_refused(
        self, contract_host: EngineHost, contract_limit: str
    ) -> None:
        """A limit is taken where the engine claims it, and refused where it declines.

        If this fails, the engine ignores a limit silently, or refuses what it claims to hold.
        """
        setter, value = LIMIT_SETTERS[contract_limit]

        async def limit(engine: ScriptEngine) -> None:
            before = engine.limits
            claimed = contract_limit in engine.capabilities
            with (
                nullcontext() if claimed else pytest.raises(UnsupportedError, match=contract_limit)
            ):
                getattr(engine, setter)(value)
            assert (engine.limits != before) == claimed
            engine.limits = before

        contract_host.call(limit)

    def test_capabilities_are_documented(self) -> None:
        """Every capability is one that `CAPABILITIES` explains. If this fails, it is misspelt."""
        assert self.engine.info.capabilities <= set(CAPABILITIES)

    def test_info_is_complete(self) -> None:
        """The engine has a name, a language, a version and suffixes. If this fails, no CLI finds it."""
        info = self.engine.info
        assert info.name == info.name.lower()
        assert info.language
        assert info.version
        assert info.suffixes
        assert all(suffix.startswith(".") for suffix in info.suffixes)

    def test_known_failures_are_cases(self) -> None:
        """Every known failure is a case that some configuration runs. If this fails, remove it."""
        cases = self.cases()
        unknown = sorted(set(self.known_failures) - set(cases))
        assert not unknown, f"known_failures names no case: {', '.join(unknown)}"
        unused = [
            name
            for name in self.known_failures
            if all(self.declined(cases[name], config) for config in self.configs)
        ]
        assert not unused, f"known_failures names cases that are declined: {', '.join(unused)}"

    def test_a_bridge_comes_and_goes(self, contract_host: EngineHost) -> None:
        """A registered bridge can be called, and an unregistered one is gone.

        If this fails, `register_bridge` and `unregister_bridge` do not do what they say.
        """
        case, source = self._example("calls-add")

        async def use(engine: ScriptEngine) -> None:
            engine.register_bridge(ContractBridge())
            try:
                assert await engine.execute(source) == case.expect.result
            finally:
                engine.unregister_bridge("probe")
            with pytest.raises(LlmspellError):
                await engine.execute(source)

        contract_host.call(use)

    def test_a_file_runs(self, contract_host: EngineHost, tmp_path: Path) -> None:
        """A file of the engine's suffix runs, with parameters.

        If this fails, `execute_file` does not hand the file's text and name to the script.
        """
        case, source = self._example("params-text")
        file = tmp_path / f"spell{self.engine.info.suffixes[0]}"
        file.write_text(source, encoding="utf-8")

        async def run(engine: ScriptEngine) -> None:
            assert await engine.execute_file(file, case.params) == case.expect.result

        contract_host.call(run)

    def test_many_runs_at_once(self, contract_host: EngineHost) -> None:
        """Ten scripts that run at once each get their own result.

        If this fails, runs share state that belongs to one of them.
        """
        _, source = self._example("params-seen-by-a-bridge")

        async def one(engine: ScriptEngine, number: int) -> object:
            async with probing(engine) as (session, _):
                return await engine.execute(source, {"value": number}, session=session)

        async def run(engine: ScriptEngine) -> None:
            got = await asyncio.gather(*(one(engine, number) for number in range(10)))
            assert got == [f"int {number}" for number in range(10)]

        contract_host.call(run)

    @needing("stdlib")
    def test_a_seed_repeats_a_run(self, contract_host: EngineHost) -> None:
        """The same seed gives the same chance, another seed another.

        If this fails, a run cannot be repeated from what crossed the boundary.
        """
        _, source = self._example("stdlib-chance")

        async def one(engine: ScriptEngine, seed: int) -> object:
            async with probing(engine, seed=seed, clock_ms=1) as (session, _):
                return await engine.execute(source, session=session)

        async def run(engine: ScriptEngine) -> None:
            first, again, other = [await one(engine, seed) for seed in (7, 7, 8)]
            assert first == again
            assert first != other

        contract_host.call(run)

    def test_a_cancelled_run_ends_its_calls(self, contract_host: EngineHost) -> None:
        """Cancelling a run from outside cancels the calls it has open.

        If this fails, a run that nobody waits for any more goes on spending.
        """
        _, source = self._example("limits-endless-waiting")

        async def run(engine: ScriptEngine) -> None:
            async with probing(engine) as (session, probe):
                running = asyncio.ensure_future(engine.execute(source, session=session))
                called = asyncio.ensure_future(
                    probe.gates.until(lambda: probe.counts["waiting"] > 0)
                )
                await asyncio.wait({running, called}, return_when=asyncio.FIRST_COMPLETED)
                if running.done():
                    await running
                assert called.done(), "the script ended before it called anything"
                running.cancel()
                await asyncio.wait({running})
                assert running.cancelled()
                assert probe.counts["waiting"] == 0

        contract_host.call(run)
