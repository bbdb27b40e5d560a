"""The testkit's pytest plugin: it turns an `EngineContract` or a `HostileContract` into tests.

Nothing of the testkit but its rules is imported before a contract is collected: every pytest run of
an environment that has the testkit installed loads this file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmspell_testkit import not_asked
from llmspell_testkit.not_asked import pytest_report_teststatus
from llmspell_testkit.rules import SUITES, has_not, suite_of_item

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from llmspell_core.engine import EngineConfig
    from llmspell_testkit.case import Case
    from llmspell_testkit.engine import EngineContract
    from llmspell_testkit.environment import TestEnvironment
    from llmspell_testkit.host import Host
    from llmspell_testkit.hostile.contract import HostileContract, Runs
    from llmspell_testkit.integration import IntegrationContract, World
    from llmspell_testkit.provider import FakeProvider

__all__ = ["pytest_report_teststatus"]  # a hook that stands elsewhere

DECLINED = "contract_declined"
LEFT_OUT = "contract_left_out"
_declined = pytest.StashKey[dict[str, int]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run ask for what takes long."""
    parser.getgroup("llmspell").addoption(
        "--contract-performance",
        action="store_true",
        help="run the performance suite of the engine contracts, too",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers of declined cases and of the suites."""
    for name, what in SUITES.items():
        config.addinivalue_line("markers", f"{name}: {what}")
    text = f"{DECLINED}(nouns): the engine has not what this case needs"
    config.addinivalue_line("markers", text)
    config.addinivalue_line("markers", f"{LEFT_OUT}: there is nothing to test")
    config.stash[_declined] = {}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test of every case, and of every limit that must be refused, per configuration."""
    if "hostile_case" in metafunc.fixturenames:
        assert metafunc.cls is not None
        metafunc.parametrize("hostile_case", list(metafunc.cls.corpus().cases), scope="class")
    if "contract_scenario" in metafunc.fixturenames:
        assert metafunc.cls is not None
        names = ("contract_scenario", "contract_engine")
        metafunc.parametrize(names, metafunc.cls.params())
    if "example_case" in metafunc.fixturenames:
        assert metafunc.cls is not None
        parts = ("example_spell", "example_model", "example_case")
        metafunc.parametrize(parts, metafunc.cls.params())
    if "contract_seed" in metafunc.fixturenames:
        assert metafunc.cls is not None
        seeds = metafunc.cls.chaos_seeds or [pytest.param(0, marks=pytest.mark.contract_left_out)]
        metafunc.parametrize("contract_seed", seeds)
    if "contract_host" not in metafunc.fixturenames:
        return
    assert metafunc.cls is not None
    contract: type[EngineContract] = metafunc.cls
    for name, made in _MADE.items():
        if name in metafunc.fixturenames:
            asked = made is not _measures or metafunc.config.getoption("--contract-performance")
            _each(metafunc, name, made(contract) if asked else [])
            return
    params = _configs(contract, getattr(metafunc.function, "contract_needs", ()))
    metafunc.parametrize("contract_host", params, indirect=True, scope="class")


def _each(metafunc: pytest.Metafunc, name: str, params: list[Any]) -> None:
    """Parametrize a test; without parameters it is left out, where pytest would count a skip."""
    params = params or [pytest.param(None, None, marks=pytest.mark.contract_left_out)]
    metafunc.parametrize(("contract_host", name), params, indirect=["contract_host"], scope="class")


def _configs(contract: type[EngineContract], needs: Sequence[str]) -> list[Any]:
    return [
        pytest.param(
            config, id=config.isolation, marks=_declined_mark(contract.declines(needs, config))
        )
        for config in contract.configs
    ]


def _declined_mark(nouns: list[str]) -> list[pytest.MarkDecorator]:
    return [pytest.mark.contract_declined(nouns)] if nouns else []


def _cases(contract: type[EngineContract]) -> list[Any]:
    return [it for config in contract.configs for it in _params(contract, config, contract.cases())]


def _refusals(contract: type[EngineContract]) -> list[Any]:
    return [
        it
        for config in contract.configs
        for it in _params(contract, config, contract.refusals(config))
    ]


def _absences(contract: type[EngineContract]) -> list[Any]:
    cases = contract.absences()
    return [it for config in contract.configs for it in _params(contract, config, cases)]


def _params(
    contract: type[EngineContract], config: EngineConfig, cases: Mapping[str, Case]
) -> list[Any]:
    return [
        pytest.param(
            config,
            case,
            id=f"{config.isolation}-{case.id}",
            marks=_declined_mark(contract.declined(case, config)),
        )
        for case in cases.values()
    ]


def _measures(contract: type[EngineContract]) -> list[Any]:
    from llmspell_testkit.performance import MEASURES

    cases = contract.cases()
    return [
        pytest.param(
            config,
            name,
            id=f"{config.isolation}-{name}",
            marks=_declined_mark(contract.declined(cases[measure.case], config)),
        )
        for config in contract.configs
        for name, measure in MEASURES.items()
        if measure.case in cases
    ]


def _limits(contract: type[EngineContract]) -> list[Any]:
    from llmspell_testkit.checks import LIMIT_SETTERS

    return [
        pytest.param(config, capability, id=f"{config.isolation}-{capability}")
        for config in contract.configs
        for capability in LIMIT_SETTERS
    ]


_MADE: dict[str, Callable[[type[EngineContract]], list[Any]]] = {
    "contract_case": _cases,
    "contract_refusal": _refusals,
    "contract_absence": _absences,
    "contract_limit": _limits,
    "contract_measure": _measures,
}
"""What each fixture of a contract's test is made of: configurations with a case, limit or measure."""


@pytest.fixture(scope="class")
def contract_host(request: pytest.FixtureRequest) -> Iterator[Host]:
    """Hold the engine under test, configured as the parameter says, for all tests of a class."""
    from llmspell_testkit.host import open_host

    host = open_host(request.cls.engine, request.param)
    yield host
    host.close()


@pytest.fixture(scope="class")
def contract_world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Hold the runtime, the server and the folder for all scenarios of a class."""
    contract: type[IntegrationContract] = request.cls
    with contract.world() as world:
        yield world


@pytest.fixture(scope="class")
def contract_provider() -> Iterator[FakeProvider]:
    """Hold a provider that answers as it is told, for all tests of a class."""
    from llmspell_testkit.provider import FakeProvider

    with FakeProvider() as provider:
        yield provider


@pytest.fixture
def fake_provider() -> Iterator[FakeProvider]:
    """Run a provider that answers as the test tells it."""
    from llmspell_testkit.provider import FakeProvider

    with FakeProvider() as provider:
        yield provider


@pytest.fixture
def llmspell_environment() -> Iterator[TestEnvironment]:
    """Give a folder and variables of its own to a test."""
    from llmspell_testkit.environment import TestEnvironment

    with TestEnvironment() as environment:
        yield environment


@pytest.fixture(scope="class")
def contract_chaos(request: pytest.FixtureRequest) -> Iterator[World]:
    """Hold a world whose bridges know chaos, for all seeds of a class."""
    from llmspell_testkit.integration.chaotic import ChaoticWorld

    contract: type[IntegrationContract] = request.cls
    with contract.world(ChaoticWorld) as world:
        yield world


@pytest.fixture(scope="class")
def hostile_runs(request: pytest.FixtureRequest) -> Iterator[Runs]:
    """Start the hostile cases of a class that were chosen, several at once; tests wait for theirs."""
    from concurrent.futures import ThreadPoolExecutor

    contract: type[HostileContract] = request.cls
    names = [
        str(item.callspec.params["hostile_case"])
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.cls is contract
        and "hostile_case" in item.fixturenames
    ]
    with ThreadPoolExecutor(contract.jobs) as pool:
        yield contract.start(pool, names)
        pool.shutdown(cancel_futures=True)


@pytest.hookimpl(tryfirst=True)  # the suites' markers are there before ``-m`` looks for them
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the cases of what an engine has not, and count them by what they need."""
    kept: list[pytest.Item] = []
    declined: list[pytest.Item] = []
    for item in items:
        if item.get_closest_marker(LEFT_OUT):
            continue
        suite = suite_of_item(item)
        if suite is not None:
            item.add_marker(suite)
        mark = item.get_closest_marker(DECLINED)
        (kept if mark is None else declined).append(item)
        if mark is not None:
            contract = item.parent.name if item.parent else "contract"
            row = f"{contract} {has_not(mark.args[0])}"
            config.stash[_declined][row] = config.stash[_declined].get(row, 0) + 1
    if declined:
        config.hook.pytest_deselected(items=declined)
    items[:] = kept


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failed test of a contract where the contract says so."""
    report = yield
    heading = getattr(getattr(item, "function", None), "contract_heading", None)
    if report.failed and heading is not None:
        report.sections.append(("contract", f"docs/contract/{heading.replace('#', '.md#')}"))
    return report


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what was declined: it is part of what a passing contract means."""
    for row, count in sorted(config.stash[_declined].items()):
        cases = "1 case" if count == 1 else f"{count} cases"
        terminalreporter.write_line(f"{row}: {cases} not run")
    for row in not_asked.rows(terminalreporter.stats.get(not_asked.CATEGORY, [])):
        terminalreporter.write_line(row)
