"""Answers as data: by the model's own feature, by a tool, in words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmspell_core import AgentError, ValidationError

pytestmark = pytest.mark.anyio
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}
ADA = {"name": "Ada", "age": 36}


async def test_a_model_that_can_is_asked_for_json(lab: Any) -> None:
    """The schema goes into the request, the value into `data`; the text is the JSON."""
    agent = await lab.agent(schema=PERSON)
    lab.reply(json.dumps(ADA))
    answer = await lab.ask(agent, "run", "Who?")
    assert answer.fields["data"] == ADA
    assert json.loads(answer) == ADA
    (body,) = lab.bodies
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["name", "age"]
    assert "tools" not in body


async def test_by_a_tool_that_must_be_called(lab: Any) -> None:
    """For models without the feature; the tool is not among the answer's calls."""
    agent = await lab.agent(schema=PERSON, schema_mode="tool", tools=[lab.weather()])
    lab.reply(None, ("weather", {"city": "Paris"}))
    lab.reply(None, ("final_result", ADA))
    answer = await lab.ask(agent, "run", "Who?")
    assert answer.fields["data"] == ADA
    assert [called["name"] for called in answer.fields["tool_calls"]] == ["weather"]
    first = lab.bodies[0]
    assert first["tool_choice"] == "required"
    (tool,) = [t["function"] for t in first["tools"] if t["function"]["name"] != "weather"]
    assert tool["parameters"]["required"] == ["name", "age"]
    assert len(lab.bodies) == 2


async def test_in_words_for_all_others(lab: Any) -> None:
    """The system prompt says what is wanted."""
    agent = await lab.agent(schema=PERSON, schema_mode="prompted", system="Be exact.")
    lab.reply(json.dumps(ADA))
    assert (await lab.ask(agent, "run", "Who?")).fields["data"] == ADA
    (body,) = lab.bodies
    assert not {"response_format", "tools"} & set(body)
    told = body["messages"][0]["content"]
    assert told.startswith("Be exact.")
    assert '"required":["name","age"]' in told.replace(" ", "")


@pytest.mark.parametrize(
    ("model", "mode"), [("openai/gpt-4o", "native"), ("openai/nobody-knows-me", "prompted")]
)
async def test_the_way_depends_on_the_model(lab: Any, model: str, mode: str) -> None:
    """As far as litellm knows it."""
    agent = await lab.agent(schema=PERSON, model=model)
    lab.reply(json.dumps(ADA))
    await lab.ask(agent, "run", "Who?")
    assert ("response_format" in lab.bodies[0]) == (mode == "native")


@pytest.mark.parametrize("mode", ["native", "tool", "prompted"])
@pytest.mark.parametrize("wrong", [{"name": "Ada"}, {"name": "Ada", "age": "old"}])
async def test_what_does_not_fit_is_asked_for_again(lab: Any, mode: str, wrong: Any) -> None:
    """The model is told where it does not."""

    def reply(value: Any) -> None:
        if mode == "tool":
            lab.reply(None, ("final_result", value))
        else:
            lab.reply(json.dumps(value))

    agent = await lab.agent(schema=PERSON, schema_mode=mode)
    reply(wrong)
    reply(ADA)
    assert (await lab.ask(agent, "run", "Who?")).fields["data"] == ADA
    assert "does not fit the schema" in lab.sent()[-1][1]


async def test_a_model_that_cannot_is_an_error(lab: Any) -> None:
    """After three more tries; it says what was wrong."""
    agent = await lab.agent(name="clerk", schema=PERSON)
    for _ in range(5):
        lab.reply('{"name": 1}')
    with pytest.raises(AgentError, match="the agent `clerk` gave no answer"):
        await lab.ask(agent, "run", "Who?")
    assert len(lab.bodies) == 4


async def test_an_answer_that_was_cut_off_is_not_asked_for_again(lab: Any) -> None:
    """It would be cut off again: the error names `max_tokens`."""
    from llmock.scenarios import Reply

    agent = await lab.agent(schema=PERSON)
    lab.mock.add(Reply(text='{"name": "A', finish_reason="length"))
    with pytest.raises(AgentError, match="larger `max_tokens`"):
        await lab.ask(agent, "run", "Who?")
    assert len(lab.bodies) == 1


async def test_references_are_sent_as_they_are(lab: Any) -> None:
    """Unfolded, this schema would fill the memory: it doubles 40 times."""
    defs: dict[str, Any] = {
        f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(40)
    }
    schema = {"type": "object", "properties": {"x": {"$ref": "#/$defs/d0"}}, "$defs": defs}
    defs["d40"] = {}
    for mode in ("native", "tool", "prompted"):
        agent = await lab.agent(schema=schema, schema_mode=mode)
        lab.reply(*((None, ("final_result", {})) if mode == "tool" else ("{}",)))
        assert (await lab.ask(agent, "run", "?")).fields["data"] == {}
    assert lab.bodies[0]["response_format"]["json_schema"]["schema"]["$defs"] == defs


@pytest.mark.parametrize("schema", [{"type": "array"}, {"properties": {"x": {"type": "strng"}}}])
async def test_a_bad_schema_is_refused_when_the_agent_is_made(lab: Any, schema: Any) -> None:
    """No request is made."""
    with pytest.raises(ValidationError, match=r"bad argument `schema` to `llm.agent`"):
        await lab.agent(schema=schema)
