"""Answers in JSON against the schema that was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from llmspell_bridges.schema import UncheckableError, find_misfit, misfit
from llmspell_core import BadResponseError

pytestmark = pytest.mark.anyio
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name"],
}


async def test_an_answer_that_fits_says_that_it_was_checked(ask: Any, mock: Any) -> None:
    """Its value is in `data`."""
    mock.reply('{"name": "Ada", "age": 36}')
    answer = await ask("complete", "Who?", {"schema": PERSON})
    assert answer.fields["data"] == {"name": "Ada", "age": 36}
    assert answer.fields["metadata"]["schema"] == "checked"


async def test_a_schema_that_is_too_large_is_not_checked(ask: Any, mock: Any) -> None:
    """No single step of the check takes long; the answer says that nobody knows."""
    mock.reply("1")
    answer = await ask("complete", "?", {"schema": {"enum": ["x" * 270_000]}})
    assert answer.fields["metadata"]["schema"] == "unchecked"


@pytest.mark.parametrize("method", ["complete", "stream"])
async def test_an_answer_that_does_not_fit_is_a_bad_response(
    ask: Any, pull: Any, mock: Any, method: str
) -> None:
    """It says where, and may be tried again."""
    mock.reply('{"name": "Ada", "age": "old"}')
    with pytest.raises(BadResponseError, match=r"schema at `\$.age`") as caught:
        await (pull("Who?", {"schema": PERSON}) if method == "stream" else
               ask("complete", "Who?", {"schema": PERSON}))  # fmt: skip
    assert caught.value.retryable


@pytest.mark.parametrize("text", ["9" * 5000, "[" * 100_000, "{"])
async def test_json_that_cannot_be_read_is_a_bad_response(ask: Any, mock: Any, text: str) -> None:
    """Too many digits, too deep, too short."""
    mock.reply(text)
    with pytest.raises(BadResponseError, match="not the JSON"):
        await ask("complete", "?", {"response_format": {"type": "json_object"}})


def _deep(levels: int) -> dict[str, Any]:
    """Make a schema that takes 2^levels steps."""
    double = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(levels)}
    return {"$ref": "#/$defs/d0", "$defs": {**double, f"d{levels}": {}}}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (_deep(40), 1),
        ({"$ref": "#"}, 1),
        ({"$ref": "https://example.org/schema.json"}, 1),
        ({"type": "nonsense"}, 1),
        ({"properties": 3}, {"a": 1}),
    ],
)
def test_a_schema_that_cannot_be_checked_is_left(schema: dict[str, Any], value: Any) -> None:
    """Exponential, endless, elsewhere or wrong: nobody knows, and the check ends."""
    with pytest.raises(UncheckableError):
        misfit(schema, value)


async def test_a_long_check_goes_on_in_a_thread() -> None:
    """It is not given up after the moment that the event loop may be held up."""
    with pytest.raises(UncheckableError):
        await find_misfit(_deep(40), 1)
    many = {"items": {"type": "integer"}}
    assert str(await find_misfit(many, [*range(1000), "x"])).startswith("at `$[1000]`")


@pytest.mark.parametrize(
    "schema",
    [
        {"pattern": "(a+)+$"},
        {"type": "string", "format": "email"},
        {"patternProperties": {"(a+)+$": {"type": "null"}}, "additionalProperties": False},
        {"unevaluatedProperties": {"$ref": "#"}},
    ],
)
def test_patterns_are_not_checked(schema: dict[str, Any]) -> None:
    """They could take for ever; the rest of the schema still counts."""
    value: Any = {"a" * 40 + "!": 1} if "Properties" in str(schema) else "a" * 40 + "!"
    assert misfit(schema, value) is None
    both = {"allOf": [schema, {"type": "integer"}]}
    assert "integer" in str(misfit(both, value))
