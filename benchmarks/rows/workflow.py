"""A workflow of 100 steps at once that do nothing, beside the same graph in plain langgraph."""

from __future__ import annotations

import sys
from functools import partial
from statistics import median

from benchmarks.measurement import Measurement
from benchmarks.programs import Server, control
from benchmarks.timing import Cost, interleave, spread

_STEPS = 100
_RUNS = 10


def measure(short: bool) -> list[Measurement]:  # noqa: FBT001 - the signature of every row
    """Measure rounds of programs that stay, so that no import is among them."""
    what = f"{_STEPS} {_RUNS}"
    with (
        Server(control("langgraph_parallel")) as theirs,
        Server([sys.executable, "-m", "benchmarks.workflow_program"]) as ours,
    ):
        programs = {
            "lua": partial(_round, ours, f"lua {what}"),
            "javascript": partial(_round, ours, f"javascript {what}"),
            "control": partial(_round, theirs, what),
        }
        costs = interleave(programs, rounds=5 if short else 15)
    run_ms = {name: median(cost.wall_s for cost in of) / _RUNS * 1000 for name, of in costs.items()}
    cpu_ms = {name: median(cost.cpu_s for cost in of) / _RUNS * 1000 for name, of in costs.items()}
    return [
        Measurement(
            name=f"workflow.{language}",
            what=f"a workflow of {_STEPS} steps at once, functions in {name} that do nothing",
            value=run_ms[language],
            control=run_ms["control"],
            unit="ms",
            target=1.3,
            note=(
                f"{_spread(costs[language])}; control {_spread(costs['control'])}; "
                f"host's processor time {cpu_ms[language]:.3g} ms, control {cpu_ms['control']:.3g} ms"
            ),
        )
        for language, name in (("lua", "Lua"), ("javascript", "JavaScript"))
    ]


def _spread(costs: list[Cost]) -> str:
    return spread([cost.wall_s / _RUNS for cost in costs], 1000, "ms")


def _round(program: Server, line: str) -> Cost:
    wall_s, cpu_s = program.ask(line).split()
    return Cost(float(wall_s), float(cpu_s))
