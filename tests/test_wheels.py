"""What the built wheels carry. Run by `tox run -e wheels`, where the wheels are installed."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HOMES = {
    "llmspell-core": ROOT / "packages/llmspell-core",
    "llmspell-engines": ROOT / "packages/llmspell-engines",
    "llmspell-bridges": ROOT / "packages/llmspell-bridges",
    "llmspell-cli": ROOT / "packages/llmspell-cli",
    "llmspell-testkit": ROOT / "testkit",
}
each_distribution = pytest.mark.parametrize("name", HOMES)


def installed_files(name: str) -> set[str]:
    """Return the paths a distribution's record lists, relative to where it is installed."""
    return {file.as_posix() for file in distribution(name).files or ()}


@each_distribution
def test_a_wheel_carries_every_source_file(name: str) -> None:
    """Preludes, cases and type marks are in the wheel, beside the Python files."""
    source = HOMES[name] / "src"
    expected = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert f"{name.replace('-', '_')}/py.typed" in expected
    assert expected - installed_files(name) == set()


@each_distribution
def test_a_wheel_carries_its_licence(name: str) -> None:
    """The licence that the root has is the one that each wheel has."""
    record = distribution(name)
    assert record.metadata["License-Expression"] == "MIT"
    assert record.read_text("licenses/LICENSE") == (ROOT / "LICENSE").read_text(encoding="utf-8")


@each_distribution
def test_all_distributions_have_one_version(name: str) -> None:
    """One version for all, and each pins the others to its minor."""
    record = distribution(name)
    assert record.version == distribution("llmspell-core").version
    major, minor, _ = record.version.split(".")
    pins = [pin for pin in record.requires or () if pin.startswith("llmspell-")]
    for pin in pins:
        assert f"<{major}.{int(minor) + 1}" in pin
        assert f">={major}.{minor}.0" in pin


@each_distribution
def test_every_entry_point_loads(name: str) -> None:
    """What a distribution advertises is there."""
    for entry in distribution(name).entry_points:
        assert entry.load() is not None
