"""Run targets for a time each: ``python -m fuzz [--seconds N] [TARGET [INPUT]]``."""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
from pathlib import Path

from fuzz import seeds

TARGETS = ("fuzz_frames", "fuzz_run", "fuzz_records")
_HERE = Path(".fuzz")
_ONE = "--one"


def main() -> int:
    """Fuzz, each target in a process of its own; the exit code counts those that failed."""
    if sys.argv[1:2] == [_ONE]:
        return _fuzz(sys.argv[2], sys.argv[3:])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=15, help="time for each target")
    parser.add_argument("target", nargs="?", choices=TARGETS, help="one of them only")
    parser.add_argument("input", nargs="?", help="a file: run it once")
    given = parser.parse_args()
    chosen = (given.target,) if given.target else TARGETS
    return sum(_child(target, given.seconds, given.input) != 0 for target in chosen)


def _child(target: str, seconds: int, one: str | None) -> int:
    corpus, findings = _HERE / "corpus" / target, _HERE / "findings"
    seeds.write(target, corpus)
    findings.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={seconds}",
        f"-artifact_prefix={findings}/{target}-",
        "-max_len=2048",
        "-timeout=10",
        "-rss_limit_mb=1024",
        "-print_final_stats=1",
        str(corpus),
    ]
    command = [sys.executable, "-m", "fuzz", _ONE, target, *([one] if one else options)]
    return subprocess.run(command, check=False).returncode


def _fuzz(target: str, options: list[str]) -> int:
    import atheris  # type: ignore[import-untyped]  # it has no types

    with atheris.instrument_imports(include=["llmspell_core", "llmspell_engines"]):
        module = importlib.import_module(f"fuzz.{target}")
    atheris.Setup([target, *options], module.one_input)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
