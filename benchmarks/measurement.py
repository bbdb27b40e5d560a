"""What a row of the table says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One figure beside its control, both in `unit`.

    `target` bounds the ratio, or with `bounds="value"` our figure itself; None is a figure
    without a target. `control` of a figure that has no program to compare with is its target.
    """

    name: str
    what: str
    value: float
    control: float
    unit: str
    target: float | None = None
    bounds: Literal["ratio", "value"] = "ratio"
    note: str = ""

    @property
    def ratio(self) -> float:
        """Our figure in units of the control's: what a baseline keeps."""
        return self.value / self.control

    @property
    def reached(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        return (self.ratio if self.bounds == "ratio" else self.value) <= self.target
