"""The assertions over engines catch what differs, and pass what does not."""

from __future__ import annotations

import asyncio

import pytest

from llmspell_core import ScriptRuntimeError, ToolError
from llmspell_testkit import (
    MockBridge,
    MockEngine,
    ScriptSet,
    assert_round_trip,
    assert_same_in_every_engine,
    bridge_call,
    load_cases,
)
from llmspell_testkit.benchmark import Comparison, compare

SCRIPTS = ScriptSet(one="it", two="it")


def engines(one: object, two: object) -> list[type[MockEngine]]:
    """Two engines that answer the script `it`."""
    return [MockEngine.scripted({"it": one}, "one"), MockEngine.scripted({"it": two}, "two")]


def test_the_same_outcome_passes() -> None:
    """What all engines give is given back."""
    assert assert_same_in_every_engine(SCRIPTS, engines=engines(1, 1)) == 1


def test_another_type_is_caught() -> None:
    """1 is not 1.0: the report names the engines, the place and the types."""
    with pytest.raises(
        AssertionError, match=r"one and two differ[^\n]*\n  \[0\] int 1 ≠ float 1\.0"
    ):
        assert_same_in_every_engine(SCRIPTS, engines=engines([1], [1.0]))


def test_another_error_is_caught() -> None:
    """Errors are compared by kind and message."""
    with pytest.raises(AssertionError, match=r"tool.*runtime"):
        assert_same_in_every_engine(
            SCRIPTS, engines=engines(ToolError("boom"), ScriptRuntimeError("boom"))
        )


def test_the_same_error_is_raised() -> None:
    """Where all engines fail alike, that error is raised."""
    with pytest.raises(ToolError, match="boom"):
        assert_same_in_every_engine(SCRIPTS, engines=engines(ToolError("boom"), ToolError("boom")))


def test_bridges_are_there_and_a_loop_may_run() -> None:
    """The given bridges are called; it works in a program whose event loop runs."""
    bridge = MockBridge("search", {"find": 7})
    asked = bridge_call("search", "find")

    async def run() -> object:
        return assert_same_in_every_engine(SCRIPTS, bridges=[bridge], engines=engines(asked, asked))

    assert asyncio.run(run()) == 7
    assert len(bridge.calls) == 2


def test_a_case_has_to_be_met() -> None:
    """A case's own expectations hold besides; the report is the contract's."""
    case = load_cases()["values-int"]
    right = MockEngine.scripted({case.source["lua"]: 42}, "lua")
    wrong = MockEngine.scripted({case.source["lua"]: 41}, "lua")
    assert assert_same_in_every_engine(case, engines=[right]) == 42
    with pytest.raises(AssertionError, match="values-int"):
        assert_same_in_every_engine(case, engines=[wrong])


def test_a_missing_source_fails() -> None:
    """An engine without a source is never passed over."""
    with pytest.raises(AssertionError, match="no source for: two"):
        assert_same_in_every_engine(ScriptSet(one="it"), engines=engines(1, 1))
    with pytest.raises(KeyError, match="no source for the engine `two`; there are: one"):
        ScriptSet(one="it")["two"]
    with pytest.raises(ValueError, match="needs a source"):
        ScriptSet()


def test_a_value_that_changes_on_its_way_is_caught() -> None:
    """A round trip compares what came back with what was given, types included."""
    echo = {"echo": lambda params, session: params["value"]}
    flat = {"echo": lambda params, session: {**params["value"], "n": 1.0}}
    value = {"n": 1, "text": "ü", "gone": None}
    assert_round_trip(value, engines=[MockEngine.scripted(echo, "e")], sources={"e": "echo"})
    with pytest.raises(AssertionError, match=r"n int 1 ≠ float 1\.0"):
        assert_round_trip(value, engines=[MockEngine.scripted(flat, "e")], sources={"e": "echo"})


def test_a_ratio_is_that_of_each_round() -> None:
    """A machine that is slow for one round changes no ratio."""
    times = {"base": [1.0, 10.0, 1.0], "ours": [2.0, 20.0, 2.0]}
    comparison = Comparison(times_s=times)
    assert comparison.ratio("ours", "base") == 2.0
    assert comparison.median_s("ours") == 2.0
    assert "2.00 x" in str(comparison)


def test_candidates_take_turns() -> None:
    """Each runs once a round, none always first; the rounds to warm up are not counted."""
    order: list[str] = []
    comparison = compare(
        {"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=2, warm_up=1
    )
    assert order == ["b", "a", "a", "b", "b", "a"]
    assert [len(times) for times in comparison.times_s.values()] == [2, 2]
    with pytest.raises(ValueError, match="needs a candidate"):
        compare({})
