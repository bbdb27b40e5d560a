"""What can be held to a contract here: installed engines, and contracts that distributions ship."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core.engine import CAPABILITIES, TRAITS, EngineConfig
from llmspell_core.errors import ConfigurationError
from llmspell_core.registry import Plugin, installed
from llmspell_testkit.bridge.contract import BridgeContract
from llmspell_testkit.conformance.records import Subject
from llmspell_testkit.engine import EngineContract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmspell_core.isolation import Isolation

ENGINES, BRIDGES = "llmspell.engines", "llmspell.bridges"
GROUP = "llmspell.contracts"
"""Entry points that name a subclass of `EngineContract` or `BridgeContract`."""

CHOSEN = "LLMSPELL_CONFORMANCE"
"""The environment variable that tells a child process its `Choice`, as JSON."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One subject by name, and the topics and cases to which its run is narrowed (all, if empty).

    `performance` asks for the ratios as well, which take longer. A bridge that ships no contract is `partial`: what needs a world around it cannot be looked at.
    """

    kind: str
    name: str
    isolation: str = ""
    partial: bool = False
    topics: list[str] = []
    cases: list[str] = []
    performance: bool = False

    def wants(self, topic: str, case: str) -> bool:
        """Whether a test belongs to this run."""
        return (not self.topics or topic in self.topics) and (not self.cases or case in self.cases)


def names() -> list[str]:
    """Name what can be chosen: engines first, then bridges."""
    engines = sorted(installed(ENGINES))
    return [*engines, *sorted({*installed(BRIDGES), *installed(GROUP)} - {*engines})]


def choices(
    chosen: list[str], topics: list[str], cases: list[str], *, performance: bool = False
) -> list[Choice]:
    """List the subjects of a run, each engine at each of its isolations.

    Raises:
        ConfigurationError: a name is not that of an engine or a bridge.
        PluginError: what is installed cannot be imported.
    """
    known = names()
    for name in chosen:
        if name not in known:
            text = f"no engine or bridge named `{name}` is installed; known: {', '.join(known)}"
            raise ConfigurationError(text, key=name)
    return [
        Choice(
            kind=kind,
            name=name,
            isolation=isolation,
            partial=kind == "bridge" and name not in installed(GROUP),
            topics=topics,
            cases=cases,
            performance=performance,
        )
        for name in chosen or known
        for kind, isolation in _isolations(contract_of(name))
    ]


def contract_of(name: str) -> type[EngineContract | BridgeContract]:
    """Return the contract of an engine or a bridge: the one that is shipped, or the packaged one.

    Raises:
        ConfigurationError: what is shipped under that name is no contract.
    """
    shipped = installed(GROUP).get(name)
    if shipped is None and name in installed(ENGINES):
        return _of_engine(installed(ENGINES)[name].load())
    if shipped is None:
        bridge = installed(BRIDGES)[name].load()
        return type("Contract", (BridgeContract,), {"bridge": bridge})
    contract = shipped.load()
    if not (isinstance(contract, type) and issubclass(contract, (EngineContract, BridgeContract))):
        text = (
            f"the contract `{name}` of {shipped.distribution} is no subclass of "
            "EngineContract or BridgeContract"
        )
        raise ConfigurationError(text, key=name)
    return contract


def _of_engine(engine: Any) -> type[EngineContract]:
    """Hold an engine that ships no contract to the packaged cases, at all isolations it has."""
    levels: tuple[Isolation, ...] = ("locked", "process", "inproc")
    configs = tuple(
        EngineConfig(isolation=level) for level in (levels if engine.isolates else levels[-1:])
    )
    return type("Contract", (EngineContract,), {"engine": engine, "configs": configs})


def _isolations(contract: type[EngineContract | BridgeContract]) -> Iterator[tuple[str, str]]:
    if issubclass(contract, EngineContract):
        for config in contract.configs:
            yield "engine", config.isolation
    else:
        yield "bridge", ""


def narrowed(choice: Choice) -> type[EngineContract | BridgeContract]:
    """Return the chosen contract at the chosen isolation."""
    contract = contract_of(choice.name)
    if not issubclass(contract, EngineContract):
        return contract
    configs = tuple(c for c in contract.configs if c.isolation == choice.isolation)
    return type(contract.__name__, (contract,), {"configs": configs, "__doc__": contract.__doc__})


def chosen_here() -> Choice:
    """Read the choice that this child process was given."""
    return msgspec.json.decode(os.environ[CHOSEN], type=Choice)


def subject_of(choice: Choice) -> Subject:
    """Describe a subject, without results."""
    contract = contract_of(choice.name)
    plugin = (
        installed(ENGINES if choice.kind == "engine" else BRIDGES).get(choice.name)
        or installed(GROUP)[choice.name]
    )
    distribution, number = _distribution(plugin)
    if not issubclass(contract, EngineContract):
        return Subject(
            kind="bridge",
            name=choice.name,
            version=number,
            language="",
            isolation="",
            partial=choice.partial,
            distribution=distribution,
            distribution_version=number,
        )
    info = contract.engine.info
    config = next(c for c in contract.configs if c.isolation == choice.isolation)
    claims = contract.engine(config).capabilities
    return Subject(
        kind="engine",
        name=choice.name,
        version=info.version,
        language=info.language,
        isolation=choice.isolation,
        distribution=distribution,
        distribution_version=number,
        claims=sorted(claims),
        declines=sorted(set(CAPABILITIES) - claims),
        traits=sorted(info.traits),
        lacks=sorted(set(TRAITS) - info.traits),
    )


def _distribution(plugin: Plugin) -> tuple[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return plugin.distribution, version(plugin.distribution)
    except PackageNotFoundError:
        return plugin.distribution, ""
