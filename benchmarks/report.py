"""The measurements as a table, as JSON, and as a chart."""

from __future__ import annotations

import json
from dataclasses import asdict
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.measurement import Measurement

_HEAD = ("figure", "ours", "control", "ratio", "target", "")
_TIMES = "\N{MULTIPLICATION SIGN}"
_ROW = 26
_FONT = 'font-family="sans-serif"'
_LEFT, _RIGHT, _BAR = 390, 210, 400


def table(measurements: Sequence[Measurement]) -> str:
    """Lay the measurements out for a terminal, or for Markdown."""
    lines = [_HEAD, *(_cells(one) for one in measurements)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(_HEAD))]
    shown = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)) + " |" for r in lines
    ]
    shown.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(shown)


def _cells(one: Measurement) -> tuple[str, ...]:
    return (
        one.what,
        f"{one.value:.3g} {one.unit}",
        f"{one.control:.3g} {one.unit}",
        f"{one.ratio:.2f}",
        _target(one),
        _verdict(one),
    )


def _target(one: Measurement) -> str:
    if one.target is None:
        return ""
    return f"≤ {one.target:g} " + (_TIMES if one.bounds == "ratio" else one.unit)


def _verdict(one: Measurement) -> str:
    return {None: "", True: "reached", False: "NOT REACHED"}[one.reached]


def notes(measurements: Sequence[Measurement]) -> str:
    """List what does not fit into the table."""
    return "\n".join(f"  {one.name}: {one.note}" for one in measurements if one.note)


def document(machine: Mapping[str, str], measurements: Sequence[Measurement]) -> str:
    """Write everything as JSON."""
    rows = [{**asdict(one), "ratio": one.ratio, "reached": one.reached} for one in measurements]
    return json.dumps({"machine": machine, "measurements": rows}, indent=2, ensure_ascii=False)


def chart(machine: Mapping[str, str], measurements: Sequence[Measurement]) -> str:
    """Draw each figure with a target as a bar: how much of what it may use is used."""
    shown = [(one, _used(one)) for one in measurements if one.target is not None]
    top = 70
    width, height = _LEFT + _BAR + _RIGHT, top + _ROW * len(shown) + 34
    limit = _LEFT + _BAR // 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" {_FONT}>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        _text(12, 24, "How much of its target each figure uses (shorter is better)", size=16),
        _text(12, 46, f"{machine['processor']}; Python {machine['python']}", fill="#666666"),
        _text(limit, top - 8, "target", anchor="middle", fill="#666666"),
    ]
    for number, (one, used) in enumerate(shown):
        y = top + _ROW * number
        length = max(2, min(used, 2.0) * _BAR / 2)
        color = "#2f7d4f" if one.reached else "#b3402e"
        figure = (
            f"{one.value:.3g} {one.unit}" if one.bounds == "value" else f"{one.ratio:.2f} {_TIMES}"
        )
        parts += [
            _text(_LEFT - 10, y + 17, one.what, anchor="end"),
            f'<rect x="{_LEFT}" y="{y + 4}" width="{length:.0f}" height="{_ROW - 8}" fill="{color}"/>',
            _text(_LEFT + _BAR + 10, y + 17, f"{figure}  ({_target(one)})"),
        ]
    bottom = top + _ROW * len(shown)
    parts.append(
        f'<line x1="{limit}" y1="{top}" x2="{limit}" y2="{bottom}" stroke="#444444" '
        'stroke-dasharray="4 3"/>'
    )
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _used(one: Measurement) -> float:
    assert one.target is not None  # noqa: S101 - the caller chose those that have one
    return (one.ratio if one.bounds == "ratio" else one.value) / one.target


def _text(
    x: int, y: int, text: str, *, size: int = 13, anchor: str = "start", fill: str = "#222222"
) -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}" fill="{fill}">'
        f"{escape(text)}</text>"
    )
