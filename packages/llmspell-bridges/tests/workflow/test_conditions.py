"""Conditions as data, and which schemas fit each other."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from llmspell_bridges.workflow.condition import Condition
from llmspell_bridges.workflow.schemas import compared
from llmspell_core import WorkflowError

INPUTS = {"n": 3, "text": "an owl", "yes": True, "none": None}
STEPS = {
    "s": {"status": "completed", "output": {"list": [1, {"x": "y"}], "zero": 0}},
    "bad": {"status": "failed"},
}


def holds(**given: Any) -> bool:
    """Ask a condition as a script writes it."""
    return msgspec.convert(given, Condition).holds(INPUTS, STEPS)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"input": "n", "equals": 3}, True),
        ({"input": "n", "equals": 3.0}, True),
        ({"input": "yes", "equals": 1}, False),
        ({"input": "n", "equals": True}, False),
        ({"input": "n", "not_equals": 4}, True),
        ({"input": "nobody", "not_equals": 4}, True),
        ({"input": "none", "equals": None}, True),
        ({"input": "n", "gt": 2, "lt": 4}, True),
        ({"input": "n", "gt": 2, "lt": 3}, False),
        ({"input": "nobody", "gt": 0}, False),
        ({"input": "text", "contains": "owl"}, True),
        ({"step": "s", "field": "list", "contains": {"x": "y"}}, True),
        ({"step": "s", "field": "list.1.x", "equals": "y"}, True),
        ({"step": "s", "field": "list.7.x", "exists": False}, True),
        ({"step": "s", "contains": "zero"}, True),
        ({"step": "s", "field": "zero", "exists": True}, True),
        ({"input": "none", "exists": True}, False),
        ({"step": "bad", "exists": False}, True),
        ({"step": "bad", "status": "failed"}, True),
        ({"step": "never", "status": "completed"}, False),
    ],
)
def test_a_condition_says_whether_it_holds(given: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """1 is 1.0 but not true; what has no value is neither greater nor less."""
    assert holds(**given) is expected


@pytest.mark.parametrize(
    "given",
    [{"input": "text", "gt": 1}, {"input": "yes", "lt": 1}, {"input": "n", "contains": 1}],
)
def test_what_cannot_be_compared_is_an_error(given: dict[str, Any]) -> None:
    """It names the test and the value."""
    with pytest.raises(WorkflowError, match="the input `"):
        holds(**given)


@pytest.mark.parametrize(
    "given",
    [
        {"equals": 1},
        {"step": "a", "input": "b", "equals": 1},
        {"step": "a"},
        {"input": "a", "status": "x"},
    ],
)
def test_a_condition_is_about_one_value(given: dict[str, Any]) -> None:
    """And tests something."""
    with pytest.raises(msgspec.ValidationError):
        holds(**given)


TEXT, NUMBER, INTEGER = {"type": "string"}, {"type": "number"}, {"type": "integer"}


def of(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    """Write the schema of an object."""
    return {"type": "object", "properties": properties, "required": list(required)}


@pytest.mark.parametrize(
    ("gives", "takes", "sure", "words"),
    [
        (TEXT, TEXT, False, None),
        (INTEGER, NUMBER, False, None),
        (NUMBER, INTEGER, False, None),
        ({}, TEXT, False, None),
        (TEXT, {}, False, None),
        (TEXT, NUMBER, True, "at `$` stands string, not number"),
        ({"type": ["string", "null"]}, TEXT, False, None),
        (of(("a",), a=TEXT), of(("a",), a=TEXT), False, None),
        (of(("a",), a=TEXT), of(("a",), a=NUMBER), True, "at `$.a` stands string, not number"),
        (of(a=TEXT), of(("a",), a=TEXT), False, "at `$` there may be no `a`"),
        ({**of(), "additionalProperties": False}, of(("a",)), True, "at `$` there is no `a`"),
        ({"enum": [1, 2]}, {"enum": [3]}, True, "no value that is given"),
        ({"enum": [1, 2]}, {"const": 2}, False, None),
        ({"type": "array", "items": TEXT}, {"type": "array", "items": NUMBER}, False, "`$[]`"),
        ({"$ref": "#"}, TEXT, False, None),
        (True, TEXT, False, None),
    ],
)
def test_what_is_given_is_compared_with_what_is_taken(
    gives: Any,
    takes: Any,
    sure: bool,  # noqa: FBT001 - a parameter of the test
    words: str | None,
) -> None:
    """Only what both schemas say plainly is sure: an empty list fits whatever its items would be."""
    found = compared(gives, takes)
    assert found[0] is sure
    assert (found[1] is None) == (words is None)
    assert words is None or words in str(found[1])


def test_comparing_ends() -> None:
    """However deep the schemas are."""
    gives: dict[str, Any] = TEXT
    takes: dict[str, Any] = NUMBER
    for _ in range(200):
        gives, takes = {"type": "array", "items": gives}, {"type": "array", "items": takes}
    assert compared(gives, takes) == (False, None)
