"""Measure llmspell beside the libraries underneath, and compare with targets and a baseline."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

# before anything forks a worker: one that may not write byte code would compile at every start
sys.dont_write_bytecode = False

from benchmarks import baseline, machine, report  # noqa: E402 - as said above
from benchmarks.rows import ROWS  # noqa: E402 - as said above


def main() -> int:
    """Return 1 when a ratio is worse than the baseline allows, else 0."""
    options = _options()
    about = machine.describe()
    print(f"{about['processor']}; {about['system']}; Python {about['python']}")
    ratios = baseline.read(options.check) if options.check else {}
    rows = options.only or list(ROWS)
    measurements = []
    for name in rows:
        row = partial(ROWS[name], options.short)
        print(f"{name}, at load {machine.load()} …", file=sys.stderr)
        found = baseline.measure_again(row, row(), ratios)
        if not found:
            print(f"{name} cannot be measured here", file=sys.stderr)
        measurements += found
    about["load_after"] = machine.load()
    print(f"load before {about['load']}, after {about['load_after']}\n")
    print(report.table(measurements))
    print(f"\n{report.notes(measurements)}")
    if options.json:
        options.json.write_text(report.document(about, measurements) + "\n", encoding="utf-8")
    if options.svg:
        options.svg.write_text(report.chart(about, measurements), encoding="utf-8")
    if options.write_baseline:
        baseline.write(options.write_baseline, measurements)
    if not options.check:
        return 0
    complaints = baseline.complaints(measurements, ratios)
    print("\n" + ("\n".join(complaints) or "no ratio is more than a quarter worse"))
    return 1 if complaints else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--short", action="store_true", help="fewer rounds, for CI")
    add("--only", action="append", choices=ROWS, metavar="ROW", help=f"one of {', '.join(ROWS)}")
    add("--json", type=Path, metavar="FILE", help="write everything that was measured")
    add("--svg", type=Path, metavar="FILE", help="draw a chart")
    add("--check", type=Path, metavar="FILE", help="fail when worse than this baseline")
    add("--write-baseline", type=Path, metavar="FILE", help="make this run the baseline")
    return parser.parse_args()


sys.exit(main())
