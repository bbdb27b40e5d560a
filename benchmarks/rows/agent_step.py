"""A step of an agent, its tool a function of the spell, beside the same agent in plain pydantic-ai."""

from __future__ import annotations

import sys
from functools import partial
from statistics import median

from benchmarks.measurement import Measurement
from benchmarks.programs import Server, control
from benchmarks.timing import Cost, interleave, spread

_RUNS = 20
_STEPS = 11 * _RUNS
"""Requests of the model in a round; after all but the last of a run the tool is called."""


def measure(short: bool) -> list[Measurement]:  # noqa: FBT001 - the signature of every row
    """Measure rounds of programs that stay, so that no import is among them."""
    with Server([sys.executable, "-m", "benchmarks.fake_server"]) as provider:
        extra = {"OPENAI_BASE_URL": provider.greeting, "OPENAI_API_KEY": "benchmark"}
        with (
            Server(control("pydantic_agent", "litellm"), extra) as theirs,
            Server(control("pydantic_agent", "openai"), extra) as openai,
            Server([sys.executable, "-m", "benchmarks.agent_program"], extra) as ours,
        ):
            programs = {
                "lua": partial(_round, ours, f"lua {_RUNS}"),
                "javascript": partial(_round, ours, f"javascript {_RUNS}"),
                "control": partial(_round, theirs, str(_RUNS)),
                "openai": partial(_round, openai, str(_RUNS)),
            }
            costs = interleave(programs, rounds=3 if short else 9)
    step_ms = {
        name: median(cost.wall_s for cost in of) / _STEPS * 1000 for name, of in costs.items()
    }
    cpu_ms = {name: median(cost.cpu_s for cost in of) / _STEPS * 1000 for name, of in costs.items()}
    return [
        Measurement(
            name=f"agent_step.{language}",
            what=f"a step of an agent with a {name} tool",
            value=step_ms[language],
            control=step_ms["control"],
            unit="ms",
            target=1.15,
            note=(
                f"{_spread(costs[language])}; control {_spread(costs['control'])}; "
                f"processor time {cpu_ms[language]:.3g} ms, control {cpu_ms['control']:.3g} ms; "
                f"over pydantic-ai's own model for OpenAI {step_ms['openai']:.3g} ms"
            ),
        )
        for language, name in (("lua", "Lua"), ("javascript", "JavaScript"))
    ]


def _spread(costs: list[Cost]) -> str:
    return spread([cost.wall_s / _STEPS for cost in costs], 1000, "ms")


def _round(program: Server, line: str) -> Cost:
    wall_s, cpu_s = program.ask(line).split()
    return Cost(float(wall_s), float(cpu_s))
