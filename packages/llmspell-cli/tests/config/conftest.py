"""What the tests of the configuration share: a home, a project, and how to load both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmspell_cli.config import load
from llmspell_core import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from llmspell_cli.config import Resolved


class Place:
    """A user's configuration folder and a project, both empty at first."""

    def __init__(self, root: Path) -> None:
        self.user = root / "home" / "config.toml"
        self.project = root / "project" / "llmspell.toml"
        self.spell = root / "project" / "spells" / "a.lua"
        self.environ = {"LLMSPELL_CONFIG_DIR": str(self.user.parent)}
        self.user.parent.mkdir()
        self.spell.parent.mkdir(parents=True)
        self.spell.write_text("return 1\n")

    def load(self, **options: Any) -> Resolved:
        """Resolve for the project's spell."""
        return load(options, str(self.spell), self.environ)

    def refused(self, **options: Any) -> ConfigurationError:
        """Resolve what is wrong, and give the error."""
        with pytest.raises(ConfigurationError) as caught:
            self.load(**options)
        return caught.value


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A home and a project; the project is the current folder."""
    found = Place(tmp_path)
    monkeypatch.chdir(found.project.parent)
    monkeypatch.setenv("LLMSPELL_CONFIG_DIR", found.environ["LLMSPELL_CONFIG_DIR"])
    return found
