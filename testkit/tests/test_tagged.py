"""Tagged values and typed differences."""

from __future__ import annotations

import math
from typing import Any

import pytest

from llmspell_testkit.tagged import differences, read_tagged


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ({"$null": True}, None),
        ({"$int": "9007199254740993"}, 2**53 + 1),
        ({"$float": "-inf"}, -math.inf),
        ({"$bytes": "00ff"}, b"\x00\xff"),
        ({"$text": {"repeat": "ab", "times": 3}}, "ababab"),
        ({"$map": [["$int", 1]]}, {"$int": 1}),
        ({"a": [{"$null": True}, 1.0]}, {"a": [None, 1.0]}),
    ],
)
def test_a_tag_means_its_value(written: Any, value: Any) -> None:
    """What TOML lacks is written as a tag."""
    assert list(differences(value, read_tagged(written))) == []


@pytest.mark.parametrize(
    "written",
    [
        {"$nul": True},
        {"$int": "x"},
        {"$int": "1", "other": 2},
        {"other": 2, "$int": "1"},
        {"$bytes": "0"},
        {"$text": {"repeat": "a"}},
        {"$match": "("},
    ],
)
def test_a_bad_tag_is_refused(written: Any) -> None:
    """An unknown tag, or a value that a tag does not take, is refused."""
    with pytest.raises(ValueError, match=r"\$"):
        read_tagged(written)


@pytest.mark.parametrize(
    ("expected", "got", "text"),
    [
        (2, 2.0, "int 2 ≠ float 2.0"),
        (1, True, "int 1 ≠ bool true"),
        (0.0, -0.0, "float 0.0 ≠ float -0.0"),
        ("a", b"a", 'text "a" ≠ bytes 61'),
        (None, {}, "null ≠ map {}"),
        ([], {}, "list [] ≠ map {}"),
        ([1, [2]], [1, [2.0]], "[1][0] int 2 ≠ float 2.0"),
        ([1], [1, 2], "[1] nothing ≠ int 2"),
        ([1, 2], [1], "[1] int 2 ≠ nothing"),
        ({"a": 1}, {}, "a int 1 ≠ nothing"),
        ({"\x9b2J": "\x9b"}, {"\x9b2J": "\u202e"}, r'["\x9b2J"] text "\x9b" ≠ text "\u202e"'),
        ({}, {"a b": None}, '["a b"] nothing ≠ null'),
        (2**63 - 1, 2.0**63, "int 9223372036854775807 ≠ float 9.223372036854776e+18"),
    ],
)
def test_a_difference_tells_the_types(expected: Any, got: Any, text: str) -> None:
    """A difference says where it is and shows both values with their types."""
    assert list(differences(expected, got)) == [text]


def test_nan_is_nan() -> None:
    """NaN is what is expected where NaN is expected."""
    assert list(differences([math.nan], [math.nan])) == []


@pytest.mark.parametrize(
    ("expected", "got", "same"),
    [
        ({"$match": "^a.c$"}, "abc", True),
        ({"$match": "^a.c$"}, "abd", False),
        ({"$match": "1"}, 1, False),
        ({"$type": "float"}, 1.0, True),
        ({"$type": "float"}, 1, False),
    ],
)
def test_a_matcher_stands_for_many_values(expected: Any, got: Any, *, same: bool) -> None:
    """An expectation may be a pattern or a type."""
    assert (not list(differences(read_tagged(expected), got))) == same
