"""The contract of bridges passes a bridge that keeps it, and catches each mistake, and no other."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# tests are imported by file, and share these
sys.path.insert(0, str(Path(__file__).parent))

import broken_effects
import broken_failing
import broken_flow
import broken_lifetime
import broken_metadata
import broken_values
from good_bridge import BROKEN, GoodContract, note_world

from llmspell_core.registry import installed
from llmspell_testkit.bridge import blocking, lab, leaks
from llmspell_testkit.bridge.check import CHECKS
from llmspell_testkit.bridge.host import BridgeHost

if TYPE_CHECKING:
    from llmspell_testkit import BridgeContract, BridgeWorld

MODULES = (
    broken_effects,
    broken_failing,
    broken_flow,
    broken_lifetime,
    broken_metadata,
    broken_values,
)
"""Importing them has declared the broken bridges."""
_IN = "same-in-"


def here(check: str) -> bool:
    """Say whether a check is made here: some compare with an engine, which may not be installed."""
    return _IN not in check or check.partition(_IN)[2] in installed("llmspell.engines")


JUDGED = [what for what, case in BROKEN.items() if any(map(here, case.caught))]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten what is waited for: nothing here takes its time."""
    monkeypatch.setattr(leaks, "SETTLE_S", 0.15)
    monkeypatch.setattr(blocking, "BOUND_S", 0.05)
    monkeypatch.setattr(lab, "PATIENCE_S", 0.1)


def caught(contract: type[BridgeContract], world: BridgeWorld) -> dict[str, list[str]]:
    """Make every check, and list what each one finds."""
    host = BridgeHost(contract)
    try:
        found = {trial.id: host.problems(trial, world) for trial in contract.trials()}
    finally:
        host.close()
    return {name: problems for name, problems in found.items() if problems}


def test_a_good_bridge_passes(tmp_path: Path) -> None:
    """A bridge that keeps the contract passes every check."""
    assert caught(GoodContract, note_world(tmp_path)) == {}


@pytest.mark.parametrize("what", JUDGED)
def test_a_mistake_is_caught(what: str, tmp_path: Path) -> None:
    """A mistake is caught by the check that is for it, and by no other."""
    case = BROKEN[what]
    with case.around():
        found = caught(case.contract(), case.world(tmp_path))
    assert set(found) == set(filter(here, case.caught)), found


def test_every_check_catches_a_mistake() -> None:
    """There is no check without a broken bridge that it catches."""
    trials = {trial.id: trial for case in BROKEN.values() for trial in case.contract().trials()}
    names = {name for case in BROKEN.values() for name in case.caught if here(name)}
    made = set(CHECKS) if installed("llmspell.engines") else set(CHECKS) - {"same-in"}
    # what is about the engines that are there is seen in `test_third_engine`
    assert {trials[name].check.id for name in names} == made - {"spoken"}
