"""`llmspell run hello`, cold, beside a program that runs it in the raw engine."""

from __future__ import annotations

from functools import partial

from benchmarks.measurement import Measurement
from benchmarks.programs import SPELLS, control, llmspell, run_once
from benchmarks.timing import cpu_ms, interleave, spread, wall_ms

_SUFFIXES = {"lua": ".lua", "javascript": ".js"}
_TARGET = 1.5


def measure(short: bool) -> list[Measurement]:  # noqa: FBT001 - the signature of every row
    """Measure both languages, by the wall clock and in processor time."""
    found = []
    for language, suffix in _SUFFIXES.items():
        spell = str(SPELLS / f"hello{suffix}")
        costs = interleave(
            {
                "ours": partial(run_once, llmspell("run", spell), "hello"),
                "control": partial(run_once, control(f"{language}_cold", spell), "hello"),
            },
            rounds=9 if short else 31,
            # the first run compiles the imports, the second loads the files
            warmups=2,
        )
        ours, theirs = costs["ours"], costs["control"]
        found.append(
            Measurement(
                name=f"cold_start.{language}",
                what=f"`llmspell run hello{suffix}`, cold",
                value=wall_ms(ours),
                control=wall_ms(theirs),
                unit="ms",
                target=_TARGET,
                note=f"{spread([c.wall_s for c in ours], 1000, 'ms')}; "
                f"control {spread([c.wall_s for c in theirs], 1000, 'ms')}",
            )
        )
        found.append(
            Measurement(
                name=f"cold_start.{language}.cpu",
                what=f"`llmspell run hello{suffix}`, processor time",
                value=cpu_ms(ours),
                control=cpu_ms(theirs),
                unit="ms",
            )
        )
    return found
