"""Installed policies, as somebody who runs spells meets them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Cli

MODULE = '''
from llmspell_core import Limits, Permissions, Policy

print("imported")


class Strict(Policy):
    """No files but of one folder, and no secrets."""

    def permissions(self, permissions):
        return Permissions(read=("docs",), net=True, env=True)

    def allows(self, effect, name):
        return name is None or "secret" not in name


class Quick(Policy):
    def limits(self, limits):
        return Limits(timeout_s=1)


class Broken(Policy):
    def limits(self, limits):
        raise ZeroDivisionError
'''


@pytest.fixture
def strict(plugin: Callable[[str, str], None]) -> None:
    """Install a policy."""
    plugin("[llmspell.policies]\nstrict = acme_plugin:Strict\n", MODULE.replace("print", "str"))


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize(
    ("code", "flags"),
    [
        ('fs.read("notes.txt")', ["-A"]),
        ('fs.write("docs/a.txt", "x")', ["--allow-write"]),
        ('fs.read("docs/secret.txt")', ["--allow-read=docs"]),
        ('http.get("https://secret.example/")', ["-A"]),
    ],
)
def test_no_flag_gives_back_what_a_policy_takes(cli: Cli, code: str, flags: list[str]) -> None:
    """The refusal says whose policy it is, and names no flag."""
    (cli.folder / "docs").mkdir()
    done = cli("exec", code, "-l", "lua", *flags)
    assert done.returncode == 4
    assert "the policy `Strict` of the distribution acme-plugin forbids it" in done.stderr
    assert "--allow" not in done.stderr


@pytest.mark.usefixtures("strict")
def test_what_a_policy_leaves_works(cli: Cli) -> None:
    """With the grant, and not without it."""
    (cli.folder / "docs").mkdir()
    cli.write("docs/a.txt", "owls")
    code = 'return fs.read("docs/a.txt")'
    assert cli("exec", code, "-l", "lua", "-A").stdout == "owls\n"
    assert "--allow-read=docs/a.txt" in cli("exec", code, "-l", "lua").stderr


def test_no_option_raises_a_limit_above_a_policys(
    cli: Cli, plugin: Callable[[str, str], None]
) -> None:
    """The lower one ends the spell."""
    plugin("[llmspell.policies]\nquick = acme_plugin:Quick\n", MODULE.replace("print", "str"))
    done = cli("exec", "while true do end", "-l", "lua", "--timeout", "1h")
    assert done.returncode == 5
    assert "the spell ran longer than 1 s" in done.stderr


def test_a_broken_policy_stops_every_spell(cli: Cli, plugin: Callable[[str, str], None]) -> None:
    """The error names its distribution, and is a mistake of the configuration."""
    plugin("[llmspell.policies]\nrules = acme_plugin:Broken\n", MODULE.replace("print", "str"))
    done = cli("exec", "return 1", "-l", "lua")
    assert (done.returncode, done.stdout) == (2, "")
    assert "of the distribution acme-plugin failed: ZeroDivisionError" in done.stderr


def test_policies_are_listed_without_being_imported(
    cli: Cli, plugin: Callable[[str, str], None]
) -> None:
    """By name and distribution; without any nothing is said."""
    assert "olicies" not in cli("info").stdout
    assert json.loads(cli("info", "--json").stdout)["policies"] == []
    plugin("[llmspell.policies]\nstrict = acme_plugin:Strict\n", MODULE)
    done = cli("info")
    assert "  strict: from acme-plugin" in done.stdout
    assert "imported" not in done.stdout
    found = json.loads(cli("info", "--json").stdout)["policies"]
    assert found == [{"name": "strict", "distribution": "acme-plugin"}]
