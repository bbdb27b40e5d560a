"""The spell header: what it declares, and how mistakes in it are told."""

from __future__ import annotations

from typing import Any

import pytest

from llmspell_core import ConfigurationError, ValidationError, parse_header
from llmspell_core.header import Header, resolve_params

HEADER = """#!/usr/bin/env llmspell
-- /// spell
-- description = "Research a topic"
-- [params.topic]
-- type = "string"
-- default = "stars"
-- [params.depth]
-- type = "integer"
-- required = true
-- choices = [1, 2]
-- [needs]
-- write = ["research/"]
-- ///
return 1
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_header_is_toml_in_comments(newline: str) -> None:
    """Parameters, needs and a description, in any language's line comments."""
    header = parse_header(HEADER.replace("\n", newline))
    assert header.description == "Research a topic"
    assert header.params["topic"].default == "stars"
    assert header.needs.write == ["research/"]
    assert parse_header(HEADER.replace("-- ", "// ").replace("-- ///", "// ///")) == header


def test_a_spell_without_a_header_takes_any_parameters() -> None:
    """It declares nothing, so nothing is refused."""
    header = parse_header("return 1")
    assert not header.declared
    assert resolve_params(header, {"any": "x"}) == {"any": "x"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-- /// spell\n-- a = \n-- ///\n", "x.lua:2: the spell's header is not TOML"),
        (
            "-- /// spell\n-- a = 1\nreturn 1\n",
            "x.lua:3: the header that opens on line 1 is not closed",
        ),
        ("-- /// spell\n", "x.lua:1: the header that opens on line 1 is not closed"),
        ("-- /// spell\n-- nam = 'x'\n-- ///\n", "unknown field `nam`"),
        ("-- /// spell\n-- [params.a]\n-- type = 'strng'\n-- ///\n", "did you mean `string`?"),
        (
            "-- /// spell\n-- [params.a]\n-- type = 'integer'\n-- default = 'x'\n-- ///\n",
            "expected integer",
        ),
    ],
)
def test_a_mistake_in_a_header_names_its_line(text: str, message: str) -> None:
    """File, line and what is wrong."""
    with pytest.raises(ConfigurationError) as caught:
        parse_header(text, "x.lua")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"depth": "2"}, {"depth": 2, "topic": "stars"}),
        ({"depth": 1, "topic": "x"}, {"depth": 1, "topic": "x"}),
    ],
)
def test_parameters_are_parsed_and_completed(
    given: dict[str, Any], expected: dict[str, Any]
) -> None:
    """Text becomes the declared type; defaults fill what is absent."""
    assert resolve_params(parse_header(HEADER), given) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "missing parameter `depth`; give it with --param depth="),
        ({"depth": "x"}, "parameter `depth`: expected integer, got 'x'"),
        ({"depth": "3"}, "parameter `depth`: 3 is not one of 1, 2"),
        ({"depth": 1, "topc": "x"}, "unknown parameter `topc`; did you mean `topic`?"),
        ({"depth": True}, "parameter `depth`: expected integer, got True"),
    ],
)
def test_a_wrong_parameter_is_named(given: dict[str, Any], message: str) -> None:
    """Missing, unknown, of another type, or not among the choices."""
    with pytest.raises(ValidationError) as caught:
        resolve_params(parse_header(HEADER), given)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("boolean", "yes", True),
        ("number", "1.5", 1.5),
        ("list", "[1, 2]", [1, 2]),
        ("map", '{"a": 1}', {"a": 1}),
    ],
)
def test_each_type_is_read_from_text(kind: str, text: str, value: object) -> None:
    """A command line has only text."""
    header: Header = parse_header(f"# /// spell\n# [params.p]\n# type = '{kind}'\n# ///\n")
    assert resolve_params(header, {"p": text}) == {"p": value}
