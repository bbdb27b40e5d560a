"""Fail unless the five distributions have one version, pin each other to it, and match a tag.

Usage: python tools/versions.py [TAG]
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
_PIN = re.compile(r"(llmspell-\w+)(?:\[[\w,]+\])?(.*)")


def main(tag: str | None = None) -> int:
    """Return 0 when all agree, else say which does not and return 1."""
    complaints = []
    paths = sorted([*ROOT.glob("packages/*/pyproject.toml"), ROOT / "testkit/pyproject.toml"])
    projects = [tomllib.loads(path.read_text(encoding="utf-8"))["project"] for path in paths]
    version = projects[0]["version"] if tag is None else tag.removeprefix("v")
    if tag is not None and tag != f"v{version}":
        complaints.append(f"the tag {tag} must be v and the version, such as v{version}")
    major, minor = version.split(".")[:2]
    pin = f">={major}.{minor}.0,<{major}.{int(minor) + 1}"
    for project in projects:
        name = project["name"]
        if project["version"] != version:
            complaints.append(f"{name} has the version {project['version']}, not {version}")
        for each in project.get("dependencies", []):
            found = _PIN.fullmatch(each)
            if found and found[2] != pin:
                complaints.append(f"{name} requires {each}, not {found[1]}{pin}")
    print("\n".join(complaints) or f"{len(projects)} distributions, version {version}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
