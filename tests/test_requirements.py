"""What the distributions declare: every library that they import, with a lowest version."""

from __future__ import annotations

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECTS = sorted([*ROOT.glob("packages/*/pyproject.toml"), ROOT / "testkit/pyproject.toml"])
# litellm cannot work without these: whoever has it has them.
FROM_LITELLM = {"httpx", "openai"}
# The same of langgraph and its saver, whose types and settings these are, and of the SDK of MCP.
FROM_LANGGRAPH = {"aiosqlite", "langchain_core", "langsmith"}
FROM_MCP = {"pydantic"}
# The core's public records are of its types: whoever has the core has it. The testkit asks an
# implementer for nothing beside the core and what runs tests.
FROM_CORE = {"msgspec"}

each_project = pytest.mark.parametrize("path", PROJECTS, ids=lambda path: path.parent.name)


def requirements(path: Path) -> list[Requirement]:
    """Return a project's requirements, those of its extras too."""
    project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    extras = project.get("optional-dependencies", {}).values()
    lists = [project.get("dependencies", []), *extras]
    return [Requirement(text) for texts in lists for text in texts]


def imports(path: Path) -> set[str]:
    """Return the top names that a Python file imports, wherever it does."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


@each_project
def test_every_imported_library_is_declared(path: Path) -> None:
    """What reaches a distribution through another's requirements is declared all the same."""
    used = set().union(*(imports(file) for file in path.parent.glob("src/**/*.py")))
    owners = packages_distributions()
    brought = FROM_LITELLM | FROM_LANGGRAPH | FROM_MCP
    libraries = used - sys.stdlib_module_names - brought
    absent = {name for name in libraries if name not in owners}
    assert absent == set(), "not installed here, so nobody can tell which distribution it is"
    if path.parent.name == "testkit":
        libraries -= FROM_CORE
    own = tomllib.loads(path.read_text(encoding="utf-8"))["project"]["name"]
    declared = {canonicalize_name(each.name) for each in requirements(path)} | {own}
    owned = {name: {canonicalize_name(owner) for owner in owners[name]} for name in libraries}
    assert {name for name in libraries if declared.isdisjoint(owned[name])} == set()


def test_the_testkit_asks_for_little() -> None:
    """Whoever implements an engine or a bridge installs the core, pytest and hypothesis for it."""
    project = tomllib.loads((ROOT / "testkit/pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    needed = {Requirement(text).name for text in project["dependencies"]}

    assert needed == {"llmspell-core", "pytest", "hypothesis"}


@each_project
def test_every_requirement_names_its_lowest_version(path: Path) -> None:
    """`tox run -e lowest` installs exactly these."""
    for each in requirements(path):
        floors = [specifier for specifier in each.specifier if specifier.operator == ">="]
        assert len(floors) == 1, each


@pytest.mark.parametrize("version", ["1.82.7", "1.82.8"])
def test_the_trojaned_releases_stay_out(version: str) -> None:
    """No requirement allows the releases of litellm that stole credentials."""
    found = [each for path in PROJECTS for each in requirements(path) if each.name == "litellm"]
    assert found
    assert not [each for each in found if each.specifier.contains(version)]
