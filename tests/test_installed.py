"""What the installed set does unasked: at Python's start, and when it is imported."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

OFFLINE = Path(__file__).with_name("offline.py")
SPELL = "console.log(json.encode({1})); return math.pow(2, 3)"

# litellm 1.82.7 and 1.82.8 stole credentials through a `.pth` file, which runs at every start of
# Python. These two are known, to the letter; they belong to setuptools and virtualenv.
_DISTUTILS = (
    "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == "
    "'local'; enabled and __import__('_distutils_hack').add_{}();"
)
HARMLESS = {
    "_virtualenv.pth": {"import _virtualenv"},
    "distutils-precedence.pth": {_DISTUTILS.format("shim"), _DISTUTILS.format("override")},
}


def starters(folder: Path) -> set[str]:
    """Name what in a folder of modules runs at Python's start, and is not known harmless."""
    found = {
        path.name
        for path in folder.glob("*.pth")
        if path.read_text(encoding="utf-8").strip() not in HARMLESS.get(path.name, ())
    }
    return found | {path.name for path in folder.glob("[su]*customize*")}


def network_uses(log: Path, *arguments: str, **environment: str) -> str:
    """Run `offline.py`, and return what it wrote down."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LITELLM")}
    done = subprocess.run(
        [sys.executable, OFFLINE, log, *arguments],
        cwd=log.parent,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return log.read_text(encoding="utf-8")


def test_nothing_installed_runs_at_python_start() -> None:
    """No distribution brings a `.pth` file or a customize module: a trojaned litellm did."""
    folders = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    assert {name for folder in folders for name in starters(folder)} == set()


@pytest.mark.parametrize("name", ["litellm_init.pth", "_virtualenv.pth", "sitecustomize.py"])
def test_a_stray_starter_is_found(tmp_path: Path, name: str) -> None:
    """A new name is found, and so is a known name with another content."""
    (tmp_path / name).write_text("import os; os.system('true')\n", encoding="utf-8")
    assert starters(tmp_path) == {name}


@pytest.mark.timeout(120)
def test_no_import_uses_the_network(tmp_path: Path) -> None:
    """Neither our modules nor litellm, with the settings that we give it, look a host up."""
    assert not network_uses(tmp_path / "log")


@pytest.mark.timeout(120)
def test_a_network_call_of_an_import_is_seen(tmp_path: Path) -> None:
    """Without our setting litellm fetches its prices when it is imported."""
    assert "socket." in network_uses(tmp_path / "log", LITELLM_LOCAL_MODEL_COST_MAP="False")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("info",),
        ("exec", "--language", "lua", SPELL),
        ("exec", "--language", "javascript", "return 1"),
    ],
    ids=["help", "info", "lua", "js"],
)
def test_the_command_uses_no_network_unasked(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Neither the help nor a spell without LLM calls looks a host up."""
    assert not network_uses(tmp_path / "log", "llmspell_cli", *arguments)
