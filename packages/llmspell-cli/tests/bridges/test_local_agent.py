"""An agent of the local model: no network, no key, a tool that is forced."""

from __future__ import annotations

from typing import Any

import pytest

from llmspell_core import Runtime

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:Accessing the 'model_"),  # litellm's own use of pydantic
    pytest.mark.filterwarnings("ignore:Item '.*' on TypedDict class"),
]
SPELLS = {
    "lua": """
local asked = {}
local weather = {
  name = "weather", description = "The weather in a city",
  parameters = {type = "object", properties = {city = {type = "string", enum = {"Paris", "Rome"}}}, required = {"city"}},
  handler = function(args) asked[#asked + 1] = args.city return "sunny" end,
}
local agent = llm.agent{
  model = "local/smollm2", tools = {weather}, tool_choice = "weather", temperature = 0, max_tokens = 60, seed = 1,
}
local answer = agent:run("What is the weather in Paris?")
return {asked = asked, steps = answer.steps, text = answer .. "", calls = answer.tool_calls, cost = answer.cost_usd}
""",
    "javascript": """
const asked = [];
const weather = {
  name: "weather", description: "The weather in a city",
  parameters: {type: "object", properties: {city: {type: "string", enum: ["Paris", "Rome"]}}, required: ["city"]},
  handler: ({city}) => { asked.push(city); return "sunny"; },
};
const agent = await llm.agent({
  model: "local/smollm2", tools: [weather], tool_choice: "weather", temperature: 0, max_tokens: 60, seed: 1,
});
const answer = await agent.run("What is the weather in Paris?");
return {asked, steps: answer.steps, text: `${answer}`, calls: answer.tool_calls, cost: answer.cost_usd};
""",
}
DATA = {
    "lua": """
local schema = {type = "object", properties = {colour = {type = "string", enum = {"red", "blue"}}}, required = {"colour"}}
local agent = llm.agent{model = "local/smollm2", schema = schema, temperature = 0, max_tokens = 60, seed = 1}
return agent:run("Choose a colour.").data
""",
    "javascript": """
const schema = {type: "object", properties: {colour: {type: "string", enum: ["red", "blue"]}}, required: ["colour"]};
const agent = await llm.agent({model: "local/smollm2", schema, temperature: 0, max_tokens: 60, seed: 1});
return (await agent.run("Choose a colour.")).data;
""",
}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="module")
async def runtime() -> Any:
    """One runtime for all of them."""
    async with Runtime() as runtime:
        yield runtime


@pytest.mark.parametrize("language", SPELLS)
async def test_a_forced_tool_is_called_and_then_answered(runtime: Any, language: str) -> None:
    """The model cannot but call the tool, with arguments that fit; what it says then is its own."""
    value = (await runtime.run(SPELLS[language], language=language)).value
    assert value["asked"] in (["Paris"], ["Rome"])
    assert value["steps"] >= 2
    assert value["text"]
    (called,) = value["calls"]
    assert (called["name"], called["result"]) == ("weather", "sunny")
    assert value["cost"] == 0


@pytest.mark.parametrize("language", DATA)
async def test_data_by_a_schema(runtime: Any, language: str) -> None:
    """What the model says fits."""
    value = (await runtime.run(DATA[language], language=language)).value
    assert value in ({"colour": "red"}, {"colour": "blue"})
