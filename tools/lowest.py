"""Print, as pip's constraints, the lowest version that a distribution here declares of each library.

Usage: python tools/lowest.py > constraints.txt && pip install --constraint constraints.txt …
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent


def declared() -> list[Requirement]:
    """Return every requirement of the five distributions and their extras, ours apart."""
    found = []
    for path in sorted([*ROOT.glob("packages/*/pyproject.toml"), ROOT / "testkit/pyproject.toml"]):
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        extras = project.get("optional-dependencies", {}).values()
        lists = [project.get("dependencies", []), *extras]
        found += [Requirement(text) for requirements in lists for text in requirements]
    return [each for each in found if not each.name.startswith("llmspell-")]


def lowest() -> dict[str, Version]:
    """Return the lowest version of each library; where two distributions differ, the higher one.

    Raises:
        ValueError: When a requirement names no lowest version, or more than one.
    """
    floors: dict[str, Version] = {}
    for requirement in declared():
        versions = [
            Version(spec.version) for spec in requirement.specifier if spec.operator == ">="
        ]
        if len(versions) != 1:
            raise ValueError(f"`{requirement}` must name one lowest version: {requirement.name}>=X")
        floors[requirement.name] = max(versions[0], floors.get(requirement.name, versions[0]))
    return floors


if __name__ == "__main__":
    sys.stdout.writelines(f"{name}=={version}\n" for name, version in sorted(lowest().items()))
