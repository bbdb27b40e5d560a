"""What an agent's stream gives, and what becomes of the request when it is left."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llmspell_core import AgentError, BudgetError, NetworkError

pytestmark = pytest.mark.anyio


async def test_chunks_are_what_happens_in_its_order(lab: Any) -> None:
    """Text, the call of a tool, its result, text; at last the answer's fields."""
    agent = await lab.agent(tools=[lab.weather({"sky": "clear"})])
    lab.reply("Let me see.", ("weather", {"city": "Paris"}))
    lab.reply("It is clear.")
    *chunks, end = await lab.pull(agent, "Weather?")
    kinds = [chunk.fields["type"] for chunk in chunks]
    assert kinds == ["text"] * 3 + ["tool_call", "tool_result"] + ["text"] * 3
    called, result = chunks[3:5]
    assert called.fields["name"] == result.fields["name"] == "weather"
    assert called.fields["id"] == result.fields["id"]
    assert called.fields["arguments"] == {"city": "Paris"}
    assert (called, result) == ("", '{"sky":"clear"}')
    assert "".join(chunks[:3]) == "Let me see."
    assert "".join(chunks[5:]) == "It is clear."
    assert end == ""
    assert end.fields["type"] == "end"
    assert end.fields["message"]["content"] == "It is clear."
    assert end.fields["steps"] == 2
    assert all(body["stream"] for body in lab.bodies)


async def test_usage_and_cost_are_those_of_all_turns(lab: Any) -> None:
    """As of an answer that is not streamed."""
    agent = await lab.agent(tools=[lab.weather()])
    lab.reply(None, ("weather", {"city": "Paris"}))
    lab.reply("Sunny.")
    end = (await lab.pull(agent, "Weather?"))[-1].fields
    spent = lab.session.ledger.usage
    assert end["usage"]["total_tokens"] == spent.tokens > 0
    assert end["cost_usd"] == pytest.approx(spent.cost_usd)
    assert [message["role"] for message in await lab.ask(agent, "history")] == [
        "user",
        "assistant",
        "tool",
        "assistant",
    ]


async def test_parallel_calls_of_a_stream_stay_apart(lab: Any) -> None:
    """Their pieces are put together by their index."""
    agent = await lab.agent(tools=[lab.tool("weather", lambda args: args["city"])])
    lab.reply(None, ("weather", {"city": "Rome"}), ("weather", {"city": "Oslo"}))
    lab.reply("Both.")
    chunks = await lab.pull(agent, "Weather?")
    called = [c.fields["arguments"]["city"] for c in chunks if c.fields["type"] == "tool_call"]
    assert called == ["Rome", "Oslo"]
    assert [content for role, content in lab.sent() if role == "tool"] == ["Rome", "Oslo"]


async def test_a_tools_failure_is_a_result_with_an_error(lab: Any) -> None:
    """As the model is told."""
    agent = await lab.agent(tools=[lab.weather()])
    lab.reply(None, ("weather", {}))
    lab.reply("Sorry.")
    (result,) = [
        chunk.fields
        for chunk in await lab.pull(agent, "Weather?")
        if chunk.fields["type"] == "tool_result"
    ]
    assert "required property" in result["error"]


async def test_leaving_a_stream_closes_the_request(lab: Any) -> None:
    """The provider stops writing; what came is settled, and nothing is remembered."""
    agent = await lab.agent()
    lab.mock.reply("word " * 400).pace(5)
    stream = await lab.ask(agent, "stream", "Talk")
    await lab.ask(stream, "next", 1)
    await lab.session.handles.release(stream.id)
    request = await asyncio.to_thread(lambda: lab.mock.last_request)
    assert not request.completed
    assert lab.session.ledger.reserved_usd == 0
    assert lab.session.ledger.usage.cost_usd > 0
    assert await lab.ask(agent, "history") == []


async def test_leaving_a_stream_cancels_a_tool_that_runs(lab: Any) -> None:
    """And no further request is made."""
    started, ended = asyncio.Event(), asyncio.Event()

    async def hangs(_: Any) -> None:
        started.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.set()

    agent = await lab.agent(tools=[lab.tool("hangs", hangs)])
    lab.reply(None, ("hangs", {"city": "Paris"}))
    stream = await lab.ask(agent, "stream", "Weather?")
    await lab.ask(stream, "next", 1)
    await started.wait()
    await lab.session.handles.release(stream.id)
    assert ended.is_set()
    assert len(lab.bodies) == 1


async def test_cancelling_a_run_closes_the_request(lab: Any) -> None:
    """A run that is not streamed, too."""
    agent = await lab.agent()
    lab.mock.delay(30)
    asked = asyncio.ensure_future(lab.ask(agent, "run", "Hello"))
    while not lab.session.ledger.pending:  # noqa: ASYNC110 - until the request is on its way
        await asyncio.sleep(0.005)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert lab.session.ledger.pending == 0
    assert lab.session.ledger.reserved_usd == 0


async def test_an_error_is_the_streams(lab: Any) -> None:
    """What came before it is delivered."""
    agent = await lab.agent(max_steps=1, tools=[lab.weather()])
    lab.mock.disconnect(after_chunks=2)
    with pytest.raises(NetworkError, match="broke off in the middle of"):
        await lab.pull(agent, "Hi")
    lab.reply(None, ("weather", {"city": "Paris"}))
    with pytest.raises(AgentError, match="within 1 steps"):
        await lab.pull(agent, "Weather?")


async def test_a_budget_ends_the_run_from_within_a_stream(labs: Any) -> None:
    """The next pull says so, and every call after it."""
    lab = labs(llm_calls=1)
    agent = await lab.agent(tools=[lab.weather()])
    lab.reply(None, ("weather", {"city": "Paris"}))
    with pytest.raises(BudgetError):
        await lab.pull(agent, "Weather?")
    assert isinstance(lab.session.fatal, BudgetError)
    assert len(lab.bodies) == 1


async def test_run_stream_is_stream(lab: Any) -> None:
    """The spec's name for it."""
    agent = await lab.agent()
    lab.reply("Hello you")
    stream = await lab.ask(agent, "run_stream", "Hi")
    batch = await lab.ask(stream, "next", 64)
    assert "".join(batch["items"]).startswith("Hello")
