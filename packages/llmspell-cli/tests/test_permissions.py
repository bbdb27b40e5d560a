"""Grants: with a value only after ``=``, and refusals that name the flag."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Cli

pytestmark = pytest.mark.usefixtures("faulty")


def test_a_refusal_names_the_flag(cli: Cli) -> None:
    """What is not granted is refused with the option that would grant it."""
    done = cli("exec", 'return faulty.read("x")', "-l", "lua")
    assert done.returncode == 4
    assert "allow it with --allow-read" in done.stderr


@pytest.mark.parametrize("flags", [["--allow-read"], ["--allow-read=x,y"], ["-A"], ["--allow-all"]])
def test_a_grant_does_not_swallow_the_file(cli: Cli, flags: list[str]) -> None:
    """A grant before the file name leaves the file name alone."""
    cli.write("a.lua", 'return faulty.read("x")')
    done = cli("run", *flags, "a.lua")
    assert (done.returncode, done.stdout) == (0, "x\n")


def test_grants_add_up() -> None:
    """Values of one option are collected, whatever their order; without a value it is all."""
    from llmspell_cli.options import SpellCommand, permissions_from, spell_options

    command = SpellCommand("x", params=spell_options())

    def permissions(*args: str) -> object:
        return permissions_from(command.make_context("x", list(args)).params)

    narrow = permissions("--allow-read=a,b", "--allow-read=c", "--allow-model=local/*")
    assert (narrow.read, narrow.write, narrow.model) == (("a", "b", "c"), False, ("local/*",))
    assert permissions("--allow-read=a", "--allow-read").read is True
    assert permissions().model is True


def test_what_follows_two_dashes_is_no_option(cli: Cli) -> None:
    """After `--` a name that looks like a grant is a file name."""
    done = cli("run", "--", "--allow-read")
    assert done.returncode == 2
    assert "cannot read the spell --allow-read" in done.stderr
