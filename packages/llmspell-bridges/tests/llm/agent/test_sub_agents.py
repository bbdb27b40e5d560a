"""Agents as tools of agents: what is asked, what it costs, how it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llmspell_core import ValidationError

pytestmark = pytest.mark.anyio


async def _pair(lab: Any, **options: Any) -> tuple[Any, Any]:
    """Make an agent that asks another; each has a model of its own."""
    expert = await lab.agent(
        name="expert", model="openai/expert", description="Knows it", **options
    )
    tool = await lab.ask(expert, "as_tool")
    return expert, await lab.agent(name="chief", model="openai/chief", tools=[tool])


@pytest.fixture
def settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Give both models a price."""
    prices = {
        "openai/expert": {"input_usd": 100, "output_usd": 100},
        "openai/chief": {"input_usd": 1, "output_usd": 1},
    }
    return {**settings, "prices": prices}


async def test_a_sub_agent_is_asked_in_a_conversation_of_its_own(lab: Any) -> None:
    """Its answer goes to the model that asked; neither remembers what the other was told."""
    expert, chief = await _pair(lab, system="You know.")
    lab.reply(None, ("expert", {"input": "Is it so?"}), model="chief")
    lab.reply("It is.", model="expert")
    lab.reply("Yes.", model="chief")
    assert await lab.ask(chief, "run", "So?") == "Yes."
    assert [body["model"] for body in lab.bodies] == ["chief", "expert", "chief"]
    assert lab.sent(1) == [("system", "You know."), ("user", "Is it so?")]
    assert lab.sent(2)[-1] == ("tool", "It is.")
    described = lab.bodies[0]["tools"][0]["function"]
    assert (described["name"], described["description"]) == ("expert", "Knows it")
    assert await lab.ask(expert, "history") == []


async def test_usage_and_cost_are_summed(lab: Any) -> None:
    """Of all turns of both; the steps are the agent's own."""
    _, chief = await _pair(lab)
    lab.reply(None, ("expert", {"input": "?"}), model="chief")
    lab.reply("It is.", model="expert")
    lab.reply("Yes.", model="chief")
    fields = (await lab.ask(chief, "run", "So?")).fields
    spent = lab.session.ledger.usage
    assert (fields["steps"], spent.llm_calls) == (2, 3)
    assert fields["usage"]["total_tokens"] == spent.tokens
    assert fields["cost_usd"] == pytest.approx(spent.cost_usd)
    assert fields["model"] == "openai/chief"


async def test_an_agent_that_a_tools_handler_asks_counts_too(lab: Any) -> None:
    """It is the same run that pays."""
    expert = await lab.agent(model="openai/expert")
    ask = lab.tool("ask", lambda args: lab.ask(expert, "run", args["city"]))
    chief = await lab.agent(model="openai/chief", tools=[ask])
    lab.reply(None, ("ask", {"city": "Paris"}), model="chief")
    lab.reply("It is.", model="expert")
    lab.reply("Yes.", model="chief")
    fields = (await lab.ask(chief, "run", "So?")).fields
    assert fields["usage"]["total_tokens"] == lab.session.ledger.usage.tokens


async def test_sub_agents_run_at_the_same_time(lab: Any) -> None:
    """Where a model asks several in one turn."""
    both = asyncio.Barrier(2)

    async def meet(_: Any) -> str:
        await both.wait()
        return "met"

    _, chief = await _pair(lab, tools=[lab.tool("meet", meet)])
    lab.reply(None, ("expert", {"input": "A"}), ("expert", {"input": "B"}), model="chief")
    for _ in range(2):
        lab.reply(None, ("meet", {"city": "Paris"}), model="expert")
    for _ in range(2):
        lab.reply("Done.", model="expert")
    lab.reply("Yes.", model="chief")
    assert await lab.ask(chief, "run", "So?") == "Yes."


async def test_a_sub_agents_failure_is_a_tools(lab: Any) -> None:
    """The model that asked is told, and goes on."""
    _, chief = await _pair(lab, max_steps=1, tools=[lab.weather()])
    lab.reply(None, ("expert", {"input": "?"}), model="chief")
    lab.reply(None, ("weather", {"city": "Paris"}), model="expert")
    lab.reply("I do not know.", model="chief")
    answer = await lab.ask(chief, "run", "So?")
    assert answer == "I do not know."
    assert "`expert` came to no end within 1 steps" in answer.fields["tool_calls"][0]["error"]


async def test_they_are_cancelled_together(lab: Any) -> None:
    """Cancelling the run of one cancels the tool of the other."""
    started, ended = asyncio.Event(), asyncio.Event()

    async def hangs(_: Any) -> None:
        started.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.set()

    _, chief = await _pair(lab, tools=[lab.tool("hangs", hangs)])
    lab.reply(None, ("expert", {"input": "?"}), model="chief")
    lab.reply(None, ("hangs", {"city": "Paris"}), model="expert")
    asked = asyncio.ensure_future(lab.ask(chief, "run", "So?"))
    await started.wait()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert ended.is_set()
    assert len(lab.bodies) == 2


async def test_a_sub_agents_data_is_the_tools_answer(lab: Any) -> None:
    """As data, where it has a schema."""
    _, chief = await _pair(lab, schema={"properties": {"n": {"type": "integer"}}})
    lab.reply(None, ("expert", {"input": "?"}), model="chief")
    lab.reply('{"n": 4}', model="expert")
    lab.reply("Four.", model="chief")
    answer = await lab.ask(chief, "run", "How many?")
    assert answer.fields["tool_calls"][0]["result"] == {"n": 4}


async def test_a_name_that_is_none_is_refused(lab: Any) -> None:
    """A name made of the agent's own is made to fit."""
    agent = await lab.agent(name="my expert!")
    described = await lab.ask(await lab.ask(agent, "as_tool"), "schema")
    assert described["name"] == "my_expert_"
    with pytest.raises(ValidationError, match="bad argument `name`"):
        await lab.ask(agent, "as_tool", "my expert")
