"""Parameters: from options and files, typed by the spell's header."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Cli

HEADER = """-- /// spell
-- description = "Plans a trip"
-- [params.city]
-- type = "string"
-- description = "Where to"
-- required = true
-- [params.days]
-- type = "integer"
-- default = 3
-- [params.mode]
-- choices = ["train", "bike"]
-- default = "train"
-- [params.stops]
-- type = "list"
-- [needs]
-- write = ["plans/"]
-- ///
return params
"""


@pytest.fixture
def trip(cli: Cli) -> Cli:
    """A spell with a header, in `trip.lua`."""
    cli.write("trip.lua", HEADER)
    return cli


def test_untyped_spells_get_text(cli: Cli) -> None:
    """Without a header a parameter is text, equals signs, spaces and all."""
    done = cli("exec", "return params", "-l", "lua", "--param", "a=1=2 x", "-p", "b=")
    assert json.loads(done.stdout) == {"a": "1=2 x", "b": ""}


def test_json_values(cli: Cli) -> None:
    """`name:=` takes JSON."""
    done = cli("exec", "return params", "-l", "lua", "-p", 'a:={"b": [1, true]}', "-p", "c:=2.5")
    assert json.loads(done.stdout) == {"a": {"b": [1, True]}, "c": 2.5}


def test_a_header_converts_and_fills_in(trip: Cli) -> None:
    """A header's types convert the text, and its defaults fill in what is missing."""
    done = trip("run", "trip.lua", "--param", "city=São Paulo", "--param", "stops=[1]", "--json")
    result = json.loads(done.stdout)["result"]
    assert result == {"city": "São Paulo", "days": 3, "mode": "train", "stops": [1]}


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ([], ["missing parameter `city`", "--param city="]),
        (["city=a", "dayz=1"], ["unknown parameter `dayz`", "did you mean `days`"]),
        (["city=a", "days=many"], ["`days`", "expected integer", "'many'"]),
        (["city=a", "mode=car"], ["`mode`", "train, bike"]),
        (["city=a", "city=b"], ["`city` is given twice"]),
        (["city"], ["NAME=TEXT"]),
        (["=a"], ["NAME=TEXT"]),
        (["city=a", "stops:=[1"], ["`stops` is not JSON"]),
        (["city=a", "stops:=[99999999999999999999]"], ["params.stops[0]", "64 bits"]),
    ],
)
def test_wrong_parameters_are_usage_errors(trip: Cli, params: list[str], words: list[str]) -> None:
    """A parameter that is wrong, missing, unknown or doubled ends with exit code 2 and a remedy."""
    done = trip("run", "trip.lua", *(f"--param={param}" for param in params))
    assert (done.returncode, done.stdout) == (2, "")
    assert all(word in done.stderr for word in words), done.stderr


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.json", '{"city": "Ghent", "days": 2}'),
        ("p.toml", 'city = "Ghent"\ndays = 2\n'),
    ],
)
def test_a_file_of_parameters(trip: Cli, name: str, text: str) -> None:
    """Parameters come from a file as well, and an option wins over it."""
    trip.write(name, text)
    done = trip("run", "trip.lua", "--params-file", name, "--param", "days=5")
    assert json.loads(done.stdout) == {"city": "Ghent", "days": 5, "mode": "train"}


def test_dates_of_toml_are_text(cli: Cli) -> None:
    """A date, for which scripts have no type, is given as RFC 3339 text."""
    cli.write("p.toml", "at = 2026-01-02T03:04:05Z\n")
    done = cli("exec", "return params.at", "-l", "lua", "--params-file", "p.toml")
    assert done.stdout == "2026-01-02T03:04:05+00:00\n"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("p.json", "{", "p.json: not JSON"),
        ("p.json", "[1]", "expected an object"),
        ("p.json", '{"a": 1, "a": 2}', "'a' is there twice"),
        ("p.toml", "a = ", "p.toml: not TOML"),
        ("p.toml", "a = 1\na = 2", "p.toml: not TOML"),
        ("p.yaml", "a: 1", ".json or .toml"),
        ("p.json", b"\xff", "p.json: not JSON"),
    ],
)
def test_a_wrong_file_of_parameters(cli: Cli, name: str, text: str | bytes, words: str) -> None:
    """A file that is not what it says is named, with what is wrong in it."""
    cli.write(name, text)
    done = cli("exec", "return 1", "-l", "lua", "--params-file", name)
    assert done.returncode == 2
    assert words in done.stderr


def test_a_missing_file_of_parameters(cli: Cli) -> None:
    """A file that is not there is named."""
    done = cli("exec", "return 1", "-l", "lua", "--params-file", "no.json")
    assert done.returncode == 2
    assert "cannot read the parameters no.json" in done.stderr


def test_bytes_that_are_no_text(cli: Cli) -> None:
    """An argument that is not UTF-8 is refused, not mangled."""
    done = cli("exec", "return 1", "-l", "lua", "--param", "a=\udcff")
    assert done.returncode == 2
    assert "not UTF-8" in done.stderr


def test_help_prints_the_spells_own_parameters(trip: Cli) -> None:
    """`run FILE --help` ends with what the spell takes, and asks for."""
    done = trip("run", "trip.lua", "--help")
    assert done.returncode == 0
    own = done.stdout[done.stdout.index("trip.lua: Plans a trip") :]
    assert "--param city=STRING" in own
    assert "Where to [required]" in own
    assert "--param days=INTEGER " in own
    assert "[default: 3]" in own
    assert "one of train, bike" in own
    assert "--param stops:=LIST" in own
    assert "--allow-write=plans/" in own


def test_help_of_a_spell_without_a_header(cli: Cli) -> None:
    """A spell that says nothing of itself takes any parameter."""
    cli.write("a.lua", "return 1")
    assert "takes any --param" in cli("run", "a.lua", "-h").stdout
