"""A workflow of the local model: no network, no key."""

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
local agent = llm.agent{model = "local/smollm2", temperature = 0, max_tokens = 20, seed = 1}
local flow = workflow.sequential{name = "local"}
flow:add_step{name = "name", agent = agent, prompt = "Name an animal."}
flow:add_step{name = "tell", agent = agent, prompt = "Say something about this: {{name.output}}"}
flow:add_step{name = "check", run = function(_, steps) return steps.tell.status end}
local result = flow:run()
return {status = result.status, said = result.steps.tell.output, last = result.output, cost = result.cost_usd,
  tokens = result.usage.total_tokens, parts = result.steps.name.usage.total_tokens + result.steps.tell.usage.total_tokens}
""",
    "javascript": """
const agent = await llm.agent({model: "local/smollm2", temperature: 0, max_tokens: 20, seed: 1});
const flow = workflow.sequential({name: "local"});
flow.addStep({name: "name", agent, prompt: "Name an animal."});
flow.addStep({name: "tell", agent, prompt: "Say something about this: {{name.output}}"});
flow.addStep({name: "check", run: (_, steps) => steps.tell.status});
const result = await flow.run();
return {status: result.status, said: result.steps.tell.output, last: result.output, cost: result.cost_usd,
  tokens: result.usage.total_tokens, parts: result.steps.name.usage.total_tokens + result.steps.tell.usage.total_tokens};
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
async def test_a_sequential_workflow_finishes(runtime: Any, language: str) -> None:
    """Each step has what the one before it said; nothing costs anything."""
    value = (await runtime.run(SPELLS[language], language=language)).value
    assert value["status"] == "completed"
    assert value["said"]
    assert value["last"] == "completed"
    assert value["tokens"] == value["parts"] > 0
    assert value["cost"] == 0
