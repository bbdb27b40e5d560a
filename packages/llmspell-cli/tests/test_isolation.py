"""What the command says of the kernel lock, with it and without."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Cli

OLDER_KERNEL = str(Path(__file__).parent / "older_kernel.py")
LANGUAGES = {"lua": "return 1", "js": "return 1"}


def on_older_kernel(cli: Cli, *args: str) -> subprocess.CompletedProcess[str]:
    """Run the command where there is no Landlock."""
    return subprocess.run(
        [sys.executable, OLDER_KERNEL, *cli.command, *args],
        cwd=cli.folder,
        env=cli.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


@pytest.fixture(params=LANGUAGES)
def spell(request: pytest.FixtureRequest, cli: Cli) -> str:
    """Give the name of a small spell, in each language."""
    return cli.write(f"one.{request.param}", LANGUAGES[request.param]).name


def test_with_the_lock_nothing_is_said(cli: Cli, spell: str) -> None:
    """Where the lock holds, `--require-lock` runs a spell and nothing is on stderr."""
    done = cli("run", spell, "--require-lock")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


def test_without_the_lock_a_plain_warning(cli: Cli, spell: str) -> None:
    """Where it does not, the spell runs, and stderr says what is missing and how to refuse that."""
    done = on_older_kernel(cli, "run", spell)
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert done.stderr.startswith("warning: scripts are kept in processes of their own by seccomp")
    assert "landlock is not to be had" in done.stderr
    assert "--require-lock" in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_the_lock_it_is_refused_where_required(cli: Cli, spell: str) -> None:
    """`--require-lock` fails closed: nothing of the spell runs."""
    done = on_older_kernel(cli, "run", spell, "--require-lock")
    assert (done.returncode, done.stdout) == (2, "")
    assert "the kernel lock is required, and not to be had here: landlock" in done.stderr


def test_what_was_asked_for_needs_no_warning(cli: Cli, spell: str) -> None:
    """Who asks for `--isolation=process` is not warned of it."""
    done = on_older_kernel(cli, "run", spell, "--isolation=process")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


def test_doctor_reports_the_level_and_its_layers(cli: Cli) -> None:
    """`doctor` names the level in force for each engine, and by what it holds."""
    done = cli("doctor", "--json")
    found = {it["what"]: it for it in json.loads(done.stdout)["findings"]}
    assert done.returncode == 0
    for engine in ("engine lua", "engine javascript"):
        assert found[engine]["state"] == "ok"
        assert "isolation level `locked` by landlock and seccomp" in found[engine]["found"]


def test_doctor_says_why_there_is_no_lock(cli: Cli) -> None:
    """Without Landlock the level is `process`, and the reason says what the kernel lacks."""
    done = on_older_kernel(cli, "doctor")
    assert done.returncode == 0
    assert "! engine lua: Lua 5.4, isolation level `process` by seccomp (landlock" in done.stdout
    assert "it needs Linux 5.13 or newer" in done.stdout


def test_doctor_finds_a_broken_plugin(cli: Cli, plugin: Callable[[str, str], None]) -> None:
    """What is installed and cannot be loaded is a problem that names its distribution."""
    plugin("[llmspell.bridges]\nbroken = acme_plugin:Missing\n", "")
    done = cli("doctor")
    assert done.returncode == 2
    assert "✗ bridge broken: the plugin `broken` of the distribution acme-plugin" in done.stdout


def test_doctor_shows_no_key(cli: Cli) -> None:
    """A key is looked for where the configuration says, and never shown."""
    cli.write("llmspell.toml", '[providers.openai]\napi_key = { env = "TEAM_KEY" }')
    cli.env["LLMSPELL_CONFIG_DIR"] = str(cli.folder / "config")
    assert cli("trust").returncode == 0
    cli.env["TEAM_KEY"] = "sk-canary-4711"
    done = cli("doctor")
    assert "✓ key of openai: found in the environment TEAM_KEY" in done.stdout
    assert "canary" not in done.stdout + done.stderr
