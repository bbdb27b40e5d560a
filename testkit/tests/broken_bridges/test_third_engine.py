"""An engine that another distribution adds is asked by every contract of a bridge, as ours are."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# tests are imported by file, and share these
sys.path.insert(0, str(Path(__file__).parent))

from good_bridge import GoodContract, note_world
from third_engine import install

from llmspell_testkit.bridge.host import BridgeHost

pytest_plugins = ["pytester"]


class Asked:
    """What the checks of the good bridge found in the third engine, by their ids."""

    def __init__(self, folder: Path) -> None:
        """Make those checks that are about the engine."""
        self.problems: dict[str, list[str]] = {}
        self.declined: dict[str, list[str]] = {}
        self.made = set()
        world, host = note_world(folder), BridgeHost(GoodContract)
        try:
            for trial in GoodContract.trials("type_safety"):
                if trial.subject.engine != "snake":
                    continue
                self.made.add(trial.id)
                if found := host.problems(trial, world):
                    self.problems[trial.id] = found
                if host.declined:
                    self.declined[trial.id] = host.declined
        finally:
            host.close()


def test_a_third_engine_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every method is called from a script of it; nothing that it has is left out."""
    install(monkeypatch, tmp_path)
    asked = Asked(tmp_path)
    assert (asked.problems, asked.declined) == ({}, {})
    members = {member.id for member in GoodContract.members()}
    assert asked.made == {f"{member}.same-in-snake" for member in members} | {"spoken-snake"}


def test_a_mistake_in_the_third_engine_alone_is_caught(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A value that only one engine loses fails the check of that engine, and no other."""
    install(monkeypatch, tmp_path, "Dropping")
    asked = Asked(tmp_path)
    assert set(asked.problems) == {"apply_to.same-in-snake"}
    assert "what was sent ≠ what arrived" in asked.problems["apply_to.same-in-snake"][0]


def test_an_engine_without_a_speaker_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One check says what is missing, whose it is and where it belongs; no other counts as made."""
    install(monkeypatch, tmp_path, contract="Mute")
    asked = Asked(tmp_path)
    assert set(asked.problems) == {"spoken-snake"}
    (problem,) = asked.problems["spoken-snake"]
    for part in ("the engine `snake`", "third-engine has to set `speaker`", "llmspell.contracts"):
        assert part in problem
    assert set(asked.declined) == asked.made - {"spoken-snake"}
    assert all(nouns == ["speaker"] for nouns in asked.declined.values())


def test_an_engine_that_does_not_start_fails_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What keeps an engine from being asked is told by one check."""
    install(monkeypatch, tmp_path, "Dead")
    asked = Asked(tmp_path)
    assert set(asked.problems) == {"spoken-snake"}
    assert "OSError: no such interpreter" in asked.problems["spoken-snake"][0]


def test_a_speaker_that_fails_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A chain that the speaker cannot write is a failure of its check, with the chain."""
    install(monkeypatch, tmp_path, contract="Stuttering")
    asked = Asked(tmp_path)
    assert set(asked.problems) == {"plan.sum_up.same-in-snake"}
    assert "AssertionError of the speaker: what is that?" in str(asked.problems)


def test_what_an_engine_declines_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A check that needs what the engine has not finds nothing, and says what was lacking."""
    install(monkeypatch, tmp_path, "Modest")
    asked = Asked(tmp_path)
    assert asked.problems == {}
    assert asked.declined == {
        "apply_to.same-in-snake": ["callbacks"],
        "count.same-in-snake": ["handles"],
        "count:add.same-in-snake": ["handles"],
        "count:copy.same-in-snake": ["handles"],
        "numbers.same-in-snake": ["streams"],
    }


SUITE = """
from good_bridge import GoodContract

class TestGood(GoodContract):
    known_failures = {known}
"""
NONE = "TestGood: snake has no speaker: 11 checks not made"


@pytest.mark.parametrize(
    ("contract", "known", "outcomes", "row"),
    [
        ("Whole", {}, {"passed": 7, "declined": 5}, "*snake has no handles: 3 checks not made"),
        ("Mute", {}, {"failed": 1, "declined": 11}, NONE),
        ("Mute", {"spoken-snake": "nobody wrote one"}, {"xfailed": 1, "declined": 11}, NONE),
    ],
)
def test_a_run_says_what_was_not_asked(
    pytester: pytest.Pytester,
    contract: str,
    known: dict[str, str],
    outcomes: dict[str, int],
    row: str,
) -> None:
    """What was not made counts as declined, and the summary says why; to leave an engine out needs a reason."""
    with pytest.MonkeyPatch.context() as patch:
        install(patch, pytester.path, "Modest", contract)
        pytester.makepyfile(test_good=SUITE.format(known=known))
        result = pytester.runpytest_inprocess("-pno:cacheprovider", "-k", "snake")
    counts = result.parseoutcomes()
    assert {name: count for name, count in counts.items() if name != "deselected"} == outcomes
    result.stdout.fnmatch_lines([row])
