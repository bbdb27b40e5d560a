"""Included spells: which names are found, where they may lie, and what happens to the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmspell_core import ConfigurationError, Spell
from llmspell_core.includes import find_project, to_start

if TYPE_CHECKING:
    from pathlib import Path


def _write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        file = folder / (name.replace("__", "/") + ".lua")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder / "main.lua"


@pytest.mark.parametrize("name", ["lib.helpers", "lib/helpers", "./lib/helpers", "lib/helpers.lua"])
def test_a_name_is_a_path_within_the_project(tmp_path: Path, name: str) -> None:
    """Dots or slashes, with or without the suffix."""
    main = _write(tmp_path, main=f'local h = require("{name}")', lib__helpers="return 1")
    include = Spell.read(main).includes[name]
    assert (include.name, include.source) == ("lib/helpers.lua", "return 1")


def test_includes_of_includes_are_found_too(tmp_path: Path) -> None:
    """A cycle is no problem here: the engine reports it when it runs into it."""
    main = _write(tmp_path, main="require 'a'", a="require('b')", b='require("a")')
    assert list(Spell.read(main).includes) == ["a", "b"]


def test_the_project_is_the_folder_of_its_configuration(tmp_path: Path) -> None:
    """A spell deeper down requires from the project's top, or beside itself."""
    (tmp_path / "llmspell.toml").touch()
    _write(tmp_path, lib="return 'top'", spells__near="return 'near'")
    main = _write(tmp_path / "spells", main='require("lib") require("near")')
    assert find_project(str(main)) == str(tmp_path)
    includes = Spell.read(main).includes
    assert (includes["lib"].source, includes["near"].source) == ("return 'top'", "return 'near'")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing", "there is no"),
        ("../secret", "a name is a path within the project"),
        ("/etc/passwd", "a name is a path within the project"),
        ("link", "it is outside"),
        ("binary", "is not UTF-8 text"),
    ],
)
def test_a_name_that_cannot_be_read_raises_when_it_is_required(
    tmp_path: Path, name: str, reason: str
) -> None:
    """Not before: the line may never run."""
    project = tmp_path / "project"
    main = _write(project, main=f'require("{name}")')
    (tmp_path / "secret.lua").write_text("return 'secret'")
    (project / "link.lua").symlink_to(tmp_path / "secret.lua")
    (project / "binary.lua").write_bytes(b"\xff")
    includes = Spell.read(main).includes
    assert reason in (includes[name].error or "")
    assert str(tmp_path) not in (includes[name].error or ""), "where the project lies is not told"
    assert "secret" not in to_start(includes)[name].get("source", "")


def test_too_many_includes_are_refused(tmp_path: Path) -> None:
    """A project that requires itself without end is not read without end."""
    chain = {f"m{n}": f'require("m{n + 1}")' for n in range(250)}
    main = _write(tmp_path, main='require("m0")', **chain)
    with pytest.raises(ConfigurationError, match="includes more than 200 files"):
        Spell.read(main)


def test_the_version_is_of_all_sources(tmp_path: Path) -> None:
    """A changed include is another version."""
    main = _write(tmp_path, main='require("a")', a="return 1")
    before = Spell.read(main).version
    assert Spell.read(main).version == before
    _write(tmp_path, a="return 2")
    assert Spell.read(main).version != before


def test_a_method_called_require_includes_nothing(tmp_path: Path) -> None:
    """Only the global function of that name does."""
    main = _write(tmp_path, main='x.require("a") prerequire("b") y:require("c")')
    assert Spell.read(main).includes == {}
