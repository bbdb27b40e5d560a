"""The committed baseline: ratios alone, since times are a machine's own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from benchmarks.measurement import Measurement

    Row = Callable[[], list[Measurement]]

_WORSE = 1.25
"""A ratio that is more than a quarter worse than its baseline fails."""
_ATTEMPTS = 3
"""How often a row is measured before it fails: a shared machine is busy now and then."""


def write(path: Path, measurements: Sequence[Measurement]) -> None:
    """Make `measurements` the baseline; what was not measured now stays as it was."""
    ratios = read(path) if path.exists() else {}
    ratios |= {one.name: round(one.ratio, 3) for one in measurements}
    path.write_text(json.dumps(ratios, indent=2) + "\n", encoding="utf-8")


def read(path: Path) -> dict[str, float]:
    """Read a baseline."""
    ratios: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
    return ratios


def measure_again(
    row: Row, measured: list[Measurement], baseline: Mapping[str, float]
) -> list[Measurement]:
    """Measure `row` again while it looks worse than the baseline; keep the best of each figure."""
    best = {one.name: one for one in measured}
    for _ in range(_ATTEMPTS - 1):
        if not any(is_worse(one, baseline) for one in best.values()):
            break
        for one in row():
            if one.name not in best or one.ratio < best[one.name].ratio:
                best[one.name] = one
    return list(best.values())


def is_worse(one: Measurement, baseline: Mapping[str, float]) -> bool:
    """Say whether a figure is more than a quarter worse than its baseline."""
    return one.name in baseline and one.ratio > baseline[one.name] * _WORSE


def complaints(measurements: Sequence[Measurement], baseline: Mapping[str, float]) -> list[str]:
    """List what is worse than the baseline, and what of a measured row is in one of the two only."""
    found = [
        f"{one.name}: the ratio is {one.ratio:.2f}, a baseline of {baseline[one.name]:.2f} "
        f"allows {baseline[one.name] * _WORSE:.2f}"
        for one in measurements
        if is_worse(one, baseline)
    ]
    names = {one.name for one in measurements}
    rows = {name.partition(".")[0] for name in names}
    known = {name for name in baseline if name.partition(".")[0] in rows}
    found += [f"{name}: in the baseline, but not measured" for name in sorted(known - names)]
    found += [f"{name}: measured, but not in the baseline" for name in sorted(names - known)]
    return found
