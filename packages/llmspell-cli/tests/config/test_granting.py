"""Granting for good: what is written into a project's file, and when nothing is."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell_cli.config import is_trusted, trust
from llmspell_cli.config.granting import grant_always
from llmspell_cli.config.toml_edit import added, put
from llmspell_core import ConfigurationError, Want

if TYPE_CHECKING:
    from conftest import Place


def want(effect: str, name: str | None) -> Want:
    """Make what a spell may want."""
    return Want(effect=effect, name=name, declared=False)


def grant(place: Place, *wants: Want) -> str:
    """Grant the project for good, and return what its file says then."""
    path = grant_always(wants, str(place.spell), place.environ)
    return Path(path).read_bytes().decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '[permissions]\nread = ["n"]\n'),
        ("# c", '# c\n\n[permissions]\nread = ["n"]\n'),
        ("[limits]\ncpu_s = 1", '[limits]\ncpu_s = 1\n\n[permissions]\nread = ["n"]\n'),
        ("[permissions] # c\n", '[permissions] # c\nread = ["n"]\n'),
        ("[permissions]", '[permissions]\nread = ["n"]\n'),
        (
            "[permissions]\nnet = true # c\n\n[limits]\ncpu_s = 1\n",
            '[permissions]\nnet = true # c\nread = ["n"]\n\n[limits]\ncpu_s = 1\n',
        ),
        ("[permissions]\nread = false # c\n", '[permissions]\nread = ["n"] # c\n'),
        ("[permissions]\nread = [] # c\n", '[permissions]\nread = ["n"] # c\n'),
        ("[permissions]\nread = ['a'] # c\n", "[permissions]\nread = ['a', \"n\"] # c\n"),
        ("[permissions]\nread = ['a', ] # c\n", "[permissions]\nread = ['a', \"n\" ] # c\n"),
        ("permissions.read = ['a']\n", "permissions.read = ['a', \"n\"]\n"),
        ('"permissions"."read" = ["a]"]\n', '"permissions"."read" = ["a]", "n"]\n'),
        (
            "[permissions]\nread = [\n  'a', # one\n  'b' # two\n]\n",
            "[permissions]\nread = [\n  'a', # one\n  'b', # two\n  \"n\",\n]\n",
        ),
        (
            "[permissions]\nread = [\n  # none\n]\nnet = true\n",
            '[permissions]\nread = [\n  # none\n    "n",\n]\nnet = true\n',
        ),
        ("[permissions]\r\nread = ['a']\r\n", "[permissions]\r\nread = ['a', \"n\"]\r\n"),
        (
            "[limits]\r\ncpu_s = 1\r\n",
            '[limits]\r\ncpu_s = 1\r\n\r\n[permissions]\r\nread = ["n"]\r\n',
        ),
    ],
)
def test_a_name_is_added_and_the_rest_stays(before: str, after: str) -> None:
    """Comments, line ends and layout, whatever the usual way it is written in."""
    assert added(before, ("permissions", "read"), ["n"]) == after
    assert tomllib.loads(after)["permissions"]["read"][-1] == "n"


def test_all_takes_the_place_of_a_list() -> None:
    """Also of one over several lines."""
    before = "[permissions]\nread = [\n  'a', # one\n]\nnet = true\n"
    assert (
        put(before, ("permissions", "read"), "true") == "[permissions]\nread = true\nnet = true\n"
    )


@given(
    st.lists(st.text(st.characters(codec="utf-8"), min_size=1), max_size=3),
    st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=3),
    st.booleans(),
)
def test_any_text_is_written_as_itself(
    first: list[str],
    then: list[str],
    lines: bool,  # noqa: FBT001 - the layout
) -> None:
    """Quotes, backslashes and all that a file's name may hold."""
    text = added("# c\n", ("permissions", "read"), first) if first else ""
    if lines:
        text = text.replace("read = [", "read = [\n  ")
    text = added(text, ("permissions", "read"), then)
    assert tomllib.loads(text)["permissions"]["read"] == [*first, *then]


def test_a_project_without_a_file_gets_one(place: Place) -> None:
    """Beside the spell, readable as other files are, and trusted."""
    path = grant_always([want("net", "example.org")], str(place.spell), place.environ)
    assert path == str(place.spell.parent / "llmspell.toml")
    assert stat.S_IMODE(Path(path).stat().st_mode) & 0o777 == 0o644
    found = place.load()
    assert found.permissions.net == ("example.org",)
    assert not found.warnings


def test_a_path_of_the_project_is_written_relative(place: Place) -> None:
    """One outside whole; both mean the same wherever the command is run."""
    place.project.write_text("")
    trust(str(place.project))
    inside = place.project.parent / "docs"
    text = grant(
        place, *(want("read", name) for name in (str(inside), "/etc/hosts", f"{inside.parent}/~x"))
    )
    assert text == '[permissions]\nread = ["docs", "/etc/hosts", "./~x"]\n'
    assert place.load().permissions.read == (str(inside), "/etc/hosts", f"{inside.parent}/~x")


def test_what_the_user_granted_everywhere_is_kept(place: Place) -> None:
    """A project's list takes the place of the user's: so it has to hold it too."""
    place.user.write_text('[permissions]\nenv = ["LANG"]\n')
    grant(place, want("env", "HOME"))
    assert place.load().permissions.env == ("LANG", "HOME")


def test_several_effects_are_written_at_once(place: Place) -> None:
    """All of an effect is `true`."""
    text = grant(place, want("net", None), want("env", "A"), want("env", "B"), want("env", "A"))
    assert text == '[permissions]\nnet = true\nenv = ["A", "B"]\n'


@pytest.mark.parametrize("change", [None, "# changed\n"])
def test_a_file_that_is_not_trusted_stays_as_it_is(place: Place, change: str | None) -> None:
    """Or has changed since: the error says what to do."""
    place.project.write_text("[limits]\n")
    if change is not None:
        trust(str(place.project))
        place.project.write_text(change)
    text = place.project.read_text()
    with pytest.raises(ConfigurationError, match="look at it, then run `llmspell trust"):
        grant(place, want("net", "x"))
    assert place.project.read_text() == text


@pytest.mark.parametrize(
    "text",
    [
        "permissions = {net = true}\n",
        "permissions.net = true\n",
        "[permissions]\nread = ['a']\n[permissions.x]\n",
    ],
)
def test_what_is_written_in_an_unusual_way_is_left_alone(place: Place, text: str) -> None:
    """The user is told what to add, and nothing is broken."""
    place.project.write_text("")
    trust(str(place.project))
    place.project.write_text(text)
    from llmspell_cli.config.trusted import remember

    remember(str(place.project), text.encode())
    with pytest.raises(ConfigurationError):
        grant(place, want("read", "/x"))
    assert place.project.read_text() == text


def test_a_name_that_the_file_cannot_hold_is_not_written(place: Place) -> None:
    """A control character, or bytes that are no text."""
    for name in ("/a\x07b", "/a\udcffb", "/a\nb"):
        with pytest.raises(ConfigurationError):
            grant(place, want("read", name))
    assert not (place.spell.parent / "llmspell.toml").exists()


def test_what_is_no_host_is_not_written(place: Place) -> None:
    """A header may declare anything; a wrong grant would stop every later run."""
    with pytest.raises(ConfigurationError, match="is not a host"):
        grant(place, want("net", "https://example.org/"))
    assert not (place.spell.parent / "llmspell.toml").exists()


def test_a_file_that_appears_meanwhile_is_not_replaced(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is somebody else's, and nobody looked at it."""
    path = place.spell.parent / "llmspell.toml"
    sync = os.fsync

    def appear(fd: int) -> None:
        path.write_text("[permissions]\nwrite = true\n")
        sync(fd)

    monkeypatch.setattr(os, "fsync", appear)
    with pytest.raises(ConfigurationError, match="file exists"):
        grant(place, want("net", "x"))
    assert path.read_text() == "[permissions]\nwrite = true\n"
    assert not is_trusted(str(path), path.read_bytes())
    assert [it.name for it in path.parent.iterdir() if it.suffix == ".tmp"] == []


def test_a_full_disk_leaves_the_file_whole(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """And trusted as it was."""
    place.project.write_text("[limits]\n")
    trust(str(place.project))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ConfigurationError, match="no space left on device"):
            grant(place, want("net", "x"))
    assert is_trusted(str(place.project), b"[limits]\n")
    assert place.project.read_text() == "[limits]\n"


def test_what_the_file_grants_already_is_not_written_again(place: Place) -> None:
    """Then it is an option that takes it away."""
    place.project.write_text('[permissions]\nread = ["docs"]\n')
    trust(str(place.project))
    with pytest.raises(ConfigurationError, match="an option or a variable takes it away"):
        grant(place, want("read", str(place.project.parent / "docs" / "a.txt")))
