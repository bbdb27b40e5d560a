"""Hello with one LLM call against an instant server, cold, beside a plain litellm script."""

from __future__ import annotations

import sys
from functools import partial

from benchmarks.measurement import Measurement
from benchmarks.programs import SPELLS, Server, control, llmspell, run_once
from benchmarks.timing import cpu_ms, interleave, spread, wall_ms

_TARGET = 1.05


def measure(short: bool) -> list[Measurement]:  # noqa: FBT001 - the signature of every row
    """Measure a Lua spell, by the wall clock and in processor time."""
    with Server([sys.executable, "-m", "benchmarks.fake_server"]) as server:
        extra = {"OPENAI_BASE_URL": server.greeting, "OPENAI_API_KEY": "benchmark"}
        spell = str(SPELLS / "ask.lua")
        costs = interleave(
            {
                "ours": partial(run_once, llmspell("run", spell), "hello", extra),
                "control": partial(run_once, control("litellm_cold"), "hello", extra),
            },
            rounds=3 if short else 9,
        )
    ours, theirs = costs["ours"], costs["control"]
    return [
        Measurement(
            name="cold_llm",
            what="hello with one LLM call, cold",
            value=wall_ms(ours),
            control=wall_ms(theirs),
            unit="ms",
            target=_TARGET,
            note=f"{spread([c.wall_s for c in ours], 1000, 'ms')}; "
            f"control {spread([c.wall_s for c in theirs], 1000, 'ms')}",
        ),
        Measurement(
            name="cold_llm.cpu",
            what="hello with one LLM call, processor time",
            value=cpu_ms(ours),
            control=cpu_ms(theirs),
            unit="ms",
        ),
    ]
