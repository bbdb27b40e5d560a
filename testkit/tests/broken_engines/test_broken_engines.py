"""Each broken engine is caught by the case named for its defect, and by no unrelated one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import defects_calls
import defects_engine
import defects_errors
import defects_limits
import defects_traits
import defects_values
import msgspec
import pytest
from defects import DEFECTS, declining
from snake import Run, Snake

from llmspell_core.engine import TRAITS, EngineConfig
from llmspell_testkit import EngineContract, host, load_sources
from llmspell_testkit.checks import LIMIT_SETTERS
from llmspell_testkit.loader import load_cases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmspell_testkit.case import Case

SOURCES = Path(__file__).with_name("snake.toml")
FILES = (
    defects_values,
    defects_errors,
    defects_calls,
    defects_limits,
    defects_engine,
    defects_traits,
)
QUICK_S = 0.05
"""What a case that hangs takes, in the place of its own limit and deadline."""
PATIENCE_S = 20.0
"""What a case may take that has to end."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "GRACE_S", 0.2)


def quick(case: Case, *, hangs: bool) -> Case:
    """Shorten the times of a case that is about time; what `hangs` is not waited for either.

    Any other has all the time that it may need on a busy machine.
    """
    times = {name for name in case.limits if name in ("timeout_s", "cpu_s")}
    limits = {**case.limits, **dict.fromkeys(times, QUICK_S)}
    if "cpu_s" in times or "memory_bytes" in limits:
        limits["timeout_s"] = 2.0
    expect = case.expect
    if expect.error and expect.error.details.get("limit") in ("timeout", "cpu"):
        details = {**expect.error.details, "value": QUICK_S}
        error = msgspec.structs.replace(expect.error, details=details)
        expect = msgspec.structs.replace(expect, error=error)
    hung_s = 3.0 if "timeout_s" in limits and limits["timeout_s"] > 1 else 0.7
    deadline_s = hung_s if hangs else PATIENCE_S
    return msgspec.structs.replace(
        case, limits=limits, expect=expect, deadline_s=deadline_s, then=None
    )


TIMED = {"limits-cpu", "limits-endless-loop", "limits-endless-waiting", "limits-memory-list"}
"""Cases that take as long as all others together: for the good engine, and for defects of limits."""


def caught(
    engine: type[Snake], folder: Path, *, timed: bool = True, hangs: frozenset[str] = frozenset()
) -> set[str]:
    """Hold an engine to the chosen cases and to every test of the contract; name what failed.

    `hangs` names the cases that need not end.
    """
    settings = {"engine": engine, "sources": SOURCES}
    contract: Any = type("TestBroken", (EngineContract,), settings)()
    config = EngineConfig()
    held = host.EngineHost(engine, config)
    try:
        return set(_failures(contract, held, config, folder, timed=timed, hangs=hangs))
    finally:
        held.close()


def _failures(
    contract: Any,
    held: host.EngineHost,
    config: EngineConfig,
    folder: Path,
    *,
    timed: bool,
    hangs: frozenset[str],
) -> Iterator[str]:
    chosen = set(load_sources(SOURCES, load_cases())) - (set() if timed else TIMED)
    cases = {**contract.cases(), **contract.refusals(config), **contract.absences()}
    for name in sorted(chosen):
        if (
            name in cases
            and cases[name].topic != "performance"
            and not contract.declined(cases[name], config)
            and contract._failure(held, quick(cases[name], hangs=name in hangs))
        ):
            yield name
    tests: dict[str, tuple[Any, ...]] = {
        "test_capabilities_are_documented": (),
        "test_traits_are_documented": (),
        "test_info_is_complete": (),
        "test_a_bridge_comes_and_goes": (held,),
        "test_a_file_runs": (held, folder),
        "test_many_runs_at_once": (held,),
        "test_a_seed_repeats_a_run": (held,),
        "test_a_cancelled_run_ends_its_calls": (held,),
        "test_a_failure_leaves_nothing": (held,),
    }
    for limit in LIMIT_SETTERS:
        tests[f"test_a_limit_is_held_or_refused[{limit}]"] = (held, limit)
    for name, arguments in tests.items():
        test = getattr(contract, name.partition("[")[0])
        if contract.declines(getattr(test, "contract_needs", ()), config):
            continue
        try:
            test(*arguments)
        except (AssertionError, pytest.fail.Exception):
            yield name


def test_the_good_engine_passes(tmp_path: Path) -> None:
    """The engine that the defects spoil keeps the contract, as far as its sources go."""
    assert caught(Snake, tmp_path) == set()


@pytest.mark.parametrize("capability", sorted(Snake.info.capabilities))
def test_a_good_engine_may_decline(capability: str, tmp_path: Path) -> None:
    """Whatever it declines, and refuses, the good engine keeps the contract."""
    engine = type("Declining", (Snake,), {"info": declining(capability)})

    assert caught(engine, tmp_path) == set()


@pytest.mark.parametrize("capability", sorted(Snake.info.capabilities - set(LIMIT_SETTERS)))
def test_a_silent_decline_is_caught(capability: str, tmp_path: Path) -> None:
    """An engine that declines something, and does it all the same, fails the case of that decline."""

    def needs(self: Run, wanted: str) -> None:
        if wanted != capability:
            Run.needs(self, wanted)

    run = type("Willing", (Run,), {"needs": needs})
    engine = type("Silent", (Snake,), {"info": declining(capability), "run_class": run})

    assert caught(engine, tmp_path, timed=False) == {f"declined-{capability.replace('_', '-')}"}


def test_each_trait_is_stated_lacked_and_hidden() -> None:
    """The good engine states every trait, and each has an engine that lacks it and one that hides it."""
    assert Snake.info.traits == set(TRAITS) == set(defects_traits.LACKING)
    assert set(TRAITS) == set(defects_traits.HIDDEN)


@pytest.mark.parametrize("trait", defects_traits.LACKING)
def test_a_good_engine_may_lack(trait: str, tmp_path: Path) -> None:
    """Where its language lacks a trait, and it states none, the good engine keeps the contract."""
    assert caught(defects_traits.without(trait), tmp_path) == set()


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_caught(name: str, tmp_path: Path) -> None:
    """A broken engine fails the case named for its defect, and no unrelated one."""
    defect = DEFECTS[name]

    allowed = frozenset({defect.named, *defect.related})
    found = caught(defect.engine, tmp_path, timed=bool(TIMED & allowed), hangs=allowed)

    assert defect.named in found
    assert found <= allowed


def test_there_are_enough() -> None:
    """The contract is tried on forty broken engines and more, in every part of it."""
    cases = load_cases()
    topics = {cases[defect.named].topic for defect in DEFECTS.values() if defect.named in cases}

    assert len(DEFECTS) >= 40
    assert {"values", "errors", "calls", "callbacks", "streams", "limits", "includes"} <= topics
