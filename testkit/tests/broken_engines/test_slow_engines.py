"""An engine that became many times slower than it states is caught, and a steady one is not."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from snake import Run, Snake

from llmspell_core.engine import EngineConfig
from llmspell_testkit import EngineContract
from llmspell_testkit.host import EngineHost
from llmspell_testkit.performance import MEASURES, verdict

SOURCES = Path(__file__).with_name("snake.toml")
SLOWER = 20
"""Far beyond the five times that are taken for noise, so that a busy machine changes no verdict."""


class SlowCalls(Run):
    """Takes twenty times as long for a call."""

    async def call(self, target: str | int, method: str, sent: list[Any]) -> Any:
        started = time.perf_counter()
        answer = await super().call(target, method, sent)
        ends = time.perf_counter() + SLOWER * (time.perf_counter() - started)
        while time.perf_counter() < ends:
            pass
        return answer


class SlowValues(Run):
    """Converts each value twenty times over."""

    def from_script(self, value: Any, *, references: bool = True) -> Any:
        for _ in range(SLOWER):
            super().from_script(value, references=references)
        return super().from_script(value, references=references)

    def to_script(self, value: Any) -> Any:
        if isinstance(value, list) and len(value) == 3 and not isinstance(value[0], int):
            for _ in range(SLOWER):
                super().to_script(value)
        return super().to_script(value)


class FourAtATime(Run):
    """Makes four calls at a time, whatever is allowed."""

    def calls_in_flight(self) -> int:
        return 4


class SlowStart(Snake):
    """Imports something large for each run, so to speak."""

    async def run_script(self, script: str, params: Any, session: Any) -> Any:
        await asyncio.sleep(0.5)
        return await super().run_script(script, params, session)


def ratio(engine: type[Snake], measure: str) -> float:
    """Measure a ratio of an engine as the contract does."""
    settings: dict[str, Any] = {"engine": engine, "sources": SOURCES}
    contract: Any = type("TestSlow", (EngineContract,), settings)
    cases = contract.cases()
    held = EngineHost(engine, EngineConfig())
    try:
        sources = [
            cases[name].source["snake"] for name in (MEASURES[measure].case, "values-nothing")
        ]
        found: float = held.check(
            "ratio", deadline_s=50.0, measure=measure, source=sources[0], empty=sources[1]
        )
    finally:
        held.close()
    return found


def slow(run: type[Run]) -> type[Snake]:
    """Make an engine of a run."""
    return type(run.__name__, (Snake,), {"run_class": run})


@pytest.mark.parametrize(
    ("measure", "broken"),
    [
        ("start", SlowStart),
        ("call", slow(SlowCalls)),
        ("conversion", slow(SlowValues)),
        ("in_flight", slow(FourAtATime)),
    ],
)
def test_a_slow_engine_is_caught(measure: str, broken: type[Snake]) -> None:
    """What an engine states it keeps; many times slower, it is found."""
    stated = ratio(Snake, measure)

    assert verdict(measure, ratio(Snake, measure), stated) is None
    found = verdict(measure, ratio(broken, measure), stated)

    assert found is not None
    assert f"more than 5 times the stated {stated:g}" in found


def test_an_engine_that_states_nothing_is_held_to_what_is_usual() -> None:
    """Without a figure of its own, an engine is compared with the usual one."""
    usual = MEASURES["call"].usual

    assert verdict("call", usual * 4, None) is None
    assert "times the usual" in (verdict("call", usual * 6, None) or "")
