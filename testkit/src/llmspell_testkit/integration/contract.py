"""`IntegrationContract`: scenarios over engines and bridges, as tests that a subclass inherits.

The whole of a third party's test file::

    from pathlib import Path
    from llmspell_testkit import IntegrationContract

    class TestWithMyEngine(IntegrationContract):
        engines = ("lua", "my_engine")
        sources = {"my_engine": Path(__file__).with_name("my_scenario_sources.toml")}
        scenario_files = (Path(__file__).with_name("my_scenarios.toml"),)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import pytest

from llmspell_core.registry import installed
from llmspell_testkit.integration.scenario import Scenario, load_scenarios
from llmspell_testkit.integration.verdict import effect_problems
from llmspell_testkit.integration.world import World
from llmspell_testkit.loader import load_sources
from llmspell_testkit.verdict import problems, report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from llmspell_core.bridge import Bridge
    from llmspell_core.engine import Isolation
    from llmspell_testkit.integration.chaotic import ChaoticWorld
    from llmspell_testkit.provider import FakeProvider

SETTINGS = frozenset(
    {
        "engines",
        "bridges",
        "isolation",
        "settings",
        "sources",
        "scenario_files",
        "known_failures",
        "packaged",
        "chaos_seeds",
    }
)
"""What a subclass of `IntegrationContract` may set; everything else is the contract's own."""


class IntegrationContract:
    """Subclass it, and run pytest.

    `engines` are names of installed engines, all of them unless given; `bridges` are classes that
    add to the installed ones. `sources` names, by engine, the file with the source of each scenario
    in a further language (scenario id = text). `scenario_files` adds scenarios of your own,
    and `packaged` says whether the testkit's are run too. A scenario whose bridge is not installed
    is declined, and the summary says so; one without a source in a language fails.
    With `chaos_seeds`, such as ``range(20)``, all are run under chaos too, once for each seed.
    `known_failures` maps a scenario's id to the reason why it fails today, and is strict.
    """

    engines: ClassVar[Sequence[str]] = ()
    bridges: ClassVar[Sequence[type[Bridge]]] = ()
    isolation: ClassVar[Isolation] = "locked"
    sources: ClassVar[Mapping[str, Path]] = {}
    scenario_files: ClassVar[Sequence[Path]] = ()
    packaged: ClassVar[bool] = True
    chaos_seeds: ClassVar[Sequence[int]] = ()
    known_failures: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls) -> None:
        """Refuse a subclass that replaces a part of the contract.

        Raises:
            TypeError: it names the part, and what to do instead.
        """
        super().__init_subclass__()
        for name in vars(cls):
            if name in vars(IntegrationContract) and name not in SETTINGS and name[:2] != "__":
                text = (
                    f"{cls.__name__}.{name} overrides a part of the contract; "
                    "declare what fails in `known_failures`, with the reason"
                )
                raise TypeError(text)

    @staticmethod
    def settings(provider: FakeProvider, folder: Path) -> Mapping[str, Mapping[str, Any]]:
        """Configure the bridges, by name: models come from `provider`, paths begin at `folder`."""
        return settings_for(provider, folder)

    @classmethod
    def params(cls) -> list[Any]:
        """Make the parameters of the tests: each scenario in each language."""
        return [
            pytest.param(
                scenario,
                engine,
                id=f"{engine}-{scenario.id}",
                marks=[pytest.mark.contract_declined(declined)] if declined else [],
            )
            for engine in cls.engine_names()
            for scenario in cls.scenarios().values()
            for declined in [cls.declined(scenario)]
        ]

    @classmethod
    def world(cls, kind: type[World] = World) -> World:
        """Make the world of the class's scenarios: enter it."""
        named = {bridge.name: bridge for bridge in cls.bridges}
        return kind(cls.settings, bridges=named, isolation=cls.isolation)

    @classmethod
    def engine_names(cls) -> tuple[str, ...]:
        """Name the engines that the scenarios run in."""
        return tuple(cls.engines) or tuple(installed("llmspell.engines"))

    @classmethod
    def scenarios(cls) -> dict[str, Scenario]:
        """Return the scenarios, by id, further sources added."""
        found = load_scenarios() if cls.packaged else {}
        found |= load_scenarios(cls.scenario_files)
        for engine, file in cls.sources.items():
            for name, source in load_sources(file, found).items():
                added = {**found[name].source, engine: source}
                found[name] = msgspec.structs.replace(found[name], source=added)
        return found

    @classmethod
    def declined(cls, scenario: Scenario) -> list[str]:
        """List the bridges that a scenario needs and nobody has."""
        there = {*installed("llmspell.bridges"), *(bridge.name for bridge in cls.bridges)}
        return sorted(f"the bridge {name}" for name in set(scenario.bridges) - there)

    def test_scenario(
        self, contract_world: World, contract_scenario: Scenario, contract_engine: str
    ) -> None:
        """The spell does what the scenario says, and leaves the world as it says.

        If this fails, the report shows the script and each difference; the bridges and the engine
        may each keep their own contract, and disagree with each other.
        """
        found = self._failure(contract_world, contract_scenario, contract_engine)
        reason = self.known_failures.get(contract_scenario.id)
        if reason is not None and found is None:
            text = f"scenario `{contract_scenario.id}` is in known_failures, and passes: remove it"
            pytest.fail(text, pytrace=False)
        if found is not None and reason is not None:
            pytest.xfail(reason)
        if found is not None:
            pytest.fail(found, pytrace=False)

    @staticmethod
    def _failure(world: World, scenario: Scenario, engine: str) -> str | None:
        source = scenario.source.get(engine)
        if source is None:
            return (
                f"{engine}: scenario `{scenario.id}` has no source in this language; "
                "supply it in the file that `sources` names"
            )
        outcome, effects = world.run(scenario, engine)
        found = [*problems(scenario, outcome), *effect_problems(scenario, engine, effects)]
        if not found:
            return None
        return report(engine, scenario, source, outcome, found).replace("docs/contract/", "docs/")

    def test_under_chaos(self, contract_chaos: ChaoticWorld, contract_seed: int) -> None:
        """Whatever its bridges suffer, a spell ends as it should or with a documented error.

        If this fails, an error of a bridge, or an answer that comes late or never, hangs a spell,
        reaches it as something else, harms the next one, or leaves something open.
        """
        scenarios = [it for it in self.scenarios().values() if not self.declined(it)]
        runnable = [it for it in scenarios if it.id not in self.known_failures]
        found = list(contract_chaos.problems(contract_seed, runnable, self.engine_names()))
        if found:
            pytest.fail("\n".join(found), pytrace=False)

    def test_known_failures_are_scenarios(self) -> None:
        """Every known failure is a scenario that runs. If this fails, remove it."""
        running = {name for name, it in self.scenarios().items() if not self.declined(it)}
        unknown = sorted(set(self.known_failures) - running)
        assert not unknown, f"known_failures names no scenario that runs: {', '.join(unknown)}"


def settings_for(provider: FakeProvider, folder: Path) -> dict[str, dict[str, Any]]:
    """Configure llmspell's own bridges: `provider` is ``openai``, at no cost; `fs` is in `folder`."""
    return {
        "llm": {
            "default_model": "openai/gpt-4o",
            "default_embedding_model": "openai/text-embedding-3-small",
            "providers": {"openai": {"base_url": provider.base_url, "api_key": "sk-not-a-key"}},
        },
        "fs": {"root": str(folder)},
    }
