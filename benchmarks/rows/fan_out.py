"""1,000 LLM calls at once, from few spells and from many, beside asyncio and litellm alone."""

from __future__ import annotations

import sys
from functools import partial
from statistics import median

from benchmarks.measurement import Measurement
from benchmarks.programs import Server, control
from benchmarks.timing import Cost, interleave

_ROUNDS = {
    "fan_out.lua": ("1,000 LLM calls at once from 20 Lua spells", "lua 20 50", 1.1),
    "fan_out.javascript": (
        "1,000 LLM calls at once from 20 JavaScript spells",
        "javascript 20 50",
        1.1,
    ),
    "fan_out.separate": ("1,000 LLM calls at once from 1,000 Lua spells", "lua 1000 1", 2.0),
}
"""For each figure: what it is, what to ask our program for, and the target."""


def measure(short: bool) -> list[Measurement]:  # noqa: FBT001 - the signature of every row
    """Measure the rounds of programs that stay, so that no import is among them."""
    with Server([sys.executable, "-m", "benchmarks.fake_server"]) as provider:
        extra = {"OPENAI_BASE_URL": provider.greeting, "OPENAI_API_KEY": "benchmark"}
        with (
            Server(control("litellm_fan_out"), extra) as theirs,
            Server([sys.executable, "-m", "benchmarks.fan_out_program"], extra) as ours,
        ):
            programs = {name: partial(_round, ours, line) for name, (_, line, _) in _ROUNDS.items()}
            programs["control"] = partial(_round, theirs, "1000")
            costs = interleave(programs, rounds=3 if short else 7, warmups=0)
    wall_s = {name: median(cost.wall_s for cost in of) for name, of in costs.items()}
    cpu_s = {name: median(cost.cpu_s for cost in of) for name, of in costs.items()}
    return [
        Measurement(
            name=name,
            what=what,
            value=wall_s[name],
            control=wall_s["control"],
            unit="s",
            target=target,
            note=f"host's processor time {cpu_s[name]:.3g} s; control {cpu_s['control']:.3g} s",
        )
        for name, (what, _, target) in _ROUNDS.items()
    ]


def _round(program: Server, line: str) -> Cost:
    wall_s, cpu_s = program.ask(line).split()
    return Cost(float(wall_s), float(cpu_s))
