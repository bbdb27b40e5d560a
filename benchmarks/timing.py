"""Samples of programs that take turns, so that a busy moment of the machine meets all of them."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

T = TypeVar("T")


def interleave(
    programs: Mapping[str, Callable[[], T]], *, rounds: int, warmups: int = 1
) -> dict[str, list[T]]:
    """Run every program `rounds` times, in alternating order; `warmups` earlier rounds are lost."""
    samples: dict[str, list[T]] = {name: [] for name in programs}
    for number in range(-warmups, rounds):
        for name in _order(programs, number):
            sample = programs[name]()
            if number >= 0:
                samples[name].append(sample)
    return samples


async def interleave_async(
    programs: Mapping[str, Callable[[], Awaitable[T]]], *, rounds: int, warmups: int = 1
) -> dict[str, list[T]]:
    """Do what `interleave` does, with programs that are awaited."""
    samples: dict[str, list[T]] = {name: [] for name in programs}
    for number in range(-warmups, rounds):
        for name in _order(programs, number):
            sample = await programs[name]()
            if number >= 0:
                samples[name].append(sample)
    return samples


def _order(programs: Mapping[str, object], number: int) -> list[str]:
    names = list(programs)
    return names if number % 2 == 0 else names[::-1]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took, in seconds: by the wall clock, and of processors, children included."""

    wall_s: float
    cpu_s: float


def wall_ms(costs: Sequence[Cost]) -> float:
    """Return the median wall clock time in milliseconds."""
    return median(cost.wall_s for cost in costs) * 1000


def cpu_ms(costs: Sequence[Cost]) -> float:
    """Return the median processor time in milliseconds."""
    return median(cost.cpu_s for cost in costs) * 1000


def spread(seconds: Sequence[float], scale: float, unit: str) -> str:
    """Say the minimum and the 90th percentile, for a note."""
    ordered = sorted(seconds)
    p90 = ordered[min(len(ordered) - 1, len(ordered) * 9 // 10)]
    return f"min {ordered[0] * scale:.3g}, p90 {p90 * scale:.3g} {unit}"
