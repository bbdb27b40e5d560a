"""List the attempts, or make one in this process: the control that shows what no lock means."""

from __future__ import annotations

import sys

from llmspell_testkit.hostile.attack import ATTEMPTS, Scene, prepare


def main() -> None:
    """Print each attempt's name and sentence, or the report of the one that is named."""
    if len(sys.argv) == 1:
        for attempt in ATTEMPTS.values():
            print(f"{attempt.name:<40} {attempt.tries}")  # noqa: T201 - a command line
        return
    prepare()
    name, scene = sys.argv[1:]
    report = ATTEMPTS[name].report(Scene.from_json(scene.encode()))
    sys.stdout.write(report.to_json().decode())


main()
