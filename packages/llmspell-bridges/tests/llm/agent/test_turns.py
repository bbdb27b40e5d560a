"""What an agent sends, turn after turn, and what comes of the tools it calls."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from llmock.scenarios import Reply, ToolCall

from llmspell_core import AgentError, BudgetError, ToolError, ValidationError

pytestmark = pytest.mark.anyio


async def test_a_tools_answer_goes_back_to_the_model(lab: Any) -> None:
    """Two requests: the question with the tools; the same again with the call and its result."""
    agent = await lab.agent(system="Be brief.", tools=[lab.weather({"sky": "clear"})])
    lab.reply(None, ("weather", {"city": "Paris"}))
    lab.reply("It is clear.")
    answer = await lab.ask(agent, "run", "Weather in Paris?")
    assert answer == "It is clear."
    assert lab.called == [{"city": "Paris"}]
    first, second = lab.bodies
    assert lab.sent(0) == [("system", "Be brief."), ("user", "Weather in Paris?")]
    assert lab.sent(1) == [
        *lab.sent(0),
        ("assistant", [("weather", '{"city":"Paris"}')]),
        ("tool", '{"sky":"clear"}'),
    ]
    (tool,) = first["tools"]
    assert tool["function"]["name"] == "weather"
    assert tool["function"]["description"] == "The weather in a city"
    assert tool["function"]["parameters"]["required"] == ["city"]
    assert second["tools"] == first["tools"]
    asked, answered = second["messages"][2:]
    assert answered["tool_call_id"] == asked["tool_calls"][0]["id"]


async def test_the_answer_has_everything_of_the_run(lab: Any) -> None:
    """Usage and cost over all turns, the steps, the calls, the new messages."""
    agent = await lab.agent(tools=[lab.weather()])
    lab.reply(None, ("weather", {"city": "Paris"}))
    lab.reply("Sunny.")
    fields = (await lab.ask(agent, "run", "Weather?")).fields
    spent = lab.session.ledger.usage
    assert fields["steps"] == spent.llm_calls == 2
    assert fields["usage"]["total_tokens"] == spent.tokens > 0
    assert fields["cost_usd"] == pytest.approx(spent.cost_usd)
    assert spent.cost_usd > 0
    assert (fields["model"], fields["finish_reason"]) == ("openai/gpt-4o", "stop")
    assert fields["message"] == {"role": "assistant", "content": "Sunny."}
    assert fields["metadata"]["provider"] == "openai"
    (called,) = fields["tool_calls"]
    assert called.pop("id").startswith("call_")
    assert called == {"name": "weather", "arguments": {"city": "Paris"}, "result": "sunny"}
    assert [message["role"] for message in fields["messages"]] == [
        "user",
        "assistant",
        "tool",
        "assistant",
    ]


async def test_calls_of_one_turn_are_made_at_the_same_time(lab: Any) -> None:
    """And their results go back in the order of the calls."""
    both = asyncio.Barrier(2)

    async def meet(args: dict[str, Any]) -> str:
        await both.wait()
        return f"sun in {args['city']}"

    agent = await lab.agent(tools=[lab.tool("weather", meet)])
    lab.reply(None, ("weather", {"city": "Rome"}), ("weather", {"city": "Oslo"}))
    lab.reply("Sun.")
    await lab.ask(agent, "run", "Weather?")
    assert [content for role, content in lab.sent() if role == "tool"] == [
        "sun in Rome",
        "sun in Oslo",
    ]


async def test_sampling_parameters_are_those_of_every_request(labs: Any) -> None:
    """Also a temperature of 0; nothing is sent that was not given."""
    lab = labs(cost_usd=50.0)
    agent = await lab.agent(
        tools=[lab.weather()],
        temperature=0,
        top_p=0.5,
        max_tokens=50,
        seed=7,
        stop_sequences=["END"],
    )
    lab.reply(None, ("weather", {"city": "Paris"}))
    lab.reply("Sunny.")
    await lab.ask(agent, "run", "Weather?")
    for body in lab.bodies:
        assert (body["temperature"], body["top_p"], body["max_tokens"]) == (0, 0.5, 50)
        assert (body["seed"], body["stop"]) == (7, ["END"])
    plain = await lab.agent()
    lab.reply("Hi.")
    await lab.ask(plain, "run", "Hello")
    assert set(lab.bodies[-1]) == {"messages", "model"}


async def test_a_tool_can_be_forced_in_the_first_step(lab: Any) -> None:
    """Later the choice is the model's again: it would never end."""
    agent = await lab.agent(tools=[lab.weather()], tool_choice="weather")
    lab.reply(None, ("weather", {"city": "Paris"}))
    lab.reply("Sunny.")
    await lab.ask(agent, "run", "Weather?")
    forced = {"type": "function", "function": {"name": "weather"}}
    assert [body.get("tool_choice") for body in lab.bodies] == [forced, None]


async def test_invalid_arguments_go_back_to_the_model(lab: Any) -> None:
    """It can do better; the tool is called with arguments that fit alone."""
    agent = await lab.agent(tools=[lab.weather()])
    lab.reply(None, ("weather", {"town": "Paris"}))
    lab.reply(None, ("weather", {"city": "Paris"}))
    lab.reply("Sunny.")
    fields = (await lab.ask(agent, "run", "Weather?")).fields
    assert lab.called == [{"city": "Paris"}]
    told = lab.sent(1)[-1]
    assert told[0] == "tool"
    assert "bad arguments to `tools.weather`: 'city' is a required property" in told[1]
    failed, called = fields["tool_calls"]
    assert "required property" in failed["error"]
    assert called["result"] == "sunny"
    assert lab.session.ledger.usage.tool_calls == 1


async def test_arguments_that_are_no_json_go_back_to_the_model(lab: Any) -> None:
    """As a mistake of its own."""
    agent = await lab.agent(tools=[lab.weather()])
    lab.reply(None, ("weather", {"city": "Paris"}))
    lab.mock.break_tool_call("malformed_arguments")
    lab.reply("Sorry.")
    assert await lab.ask(agent, "run", "Weather?") == "Sorry."
    assert lab.called == []
    assert "Invalid JSON" in lab.sent()[-1][1]


async def test_an_unknown_tool_goes_back_to_the_model(lab: Any) -> None:
    """With the names of those that there are."""
    agent = await lab.agent(tools=[lab.weather()])
    lab.reply(None, ("wether", {"city": "Paris"}))
    lab.reply("Sorry.")
    assert await lab.ask(agent, "run", "Weather?") == "Sorry."
    assert "'wether'" in lab.sent()[-1][1]
    assert "'weather'" in lab.sent()[-1][1]


async def test_a_tools_failure_is_told_to_the_model(lab: Any) -> None:
    """A handler that raises, one that takes too long, one that answers no data: the agent goes on."""

    def fails(_: Any) -> None:
        raise ToolError("no such city")

    async def hangs(_: Any) -> None:
        await asyncio.get_running_loop().create_future()

    agent = await lab.agent(
        tools=[
            lab.tool("fails", fails),
            lab.tool("hangs", hangs, timeout_s=0.01),
            lab.tool("odd", lambda _: object()),
        ]
    )
    paris = {"city": "Paris"}
    lab.reply(None, ("fails", paris), ("hangs", paris), ("odd", paris))
    lab.reply("Sorry.")
    answer = await lab.ask(agent, "run", "Weather?")
    assert answer == "Sorry."
    told = [json.loads(content)["error"] for role, content in lab.sent() if role == "tool"]
    assert told == [each["error"] for each in answer.fields["tool_calls"]]
    assert told[0] == "no such city"
    assert "`hangs` did not answer within 0.01 s" in told[1]
    assert "`odd` answered a object" in told[2]


async def test_a_tool_that_is_not_permitted_is_told_to_the_model(lab: Any, loud: Any) -> None:
    """With the flag; the agent goes on, and the tool is not called. The user is told once."""
    logs: list[tuple[str, str]] = []
    lab.session._on_log = lambda level, text: logs.append((level, text))
    agent = await lab.agent(name="crier", tools=["loud"])
    lab.reply(None, ("loud", {"text": "hi"}))
    lab.reply(None, ("loud", {"text": "hi"}))
    lab.reply("I may not.")
    answer = await lab.ask(agent, "run", "Shout")
    assert answer == "I may not."
    assert all("--allow-tool=loud" in called["error"] for called in answer.fields["tool_calls"])
    ((level, text),) = logs
    assert level == "warn"
    assert text.startswith("the agent `crier`: the tool `loud` is not permitted")
    assert lab.session.ledger.usage.tool_calls == 0


async def test_a_model_that_never_ends_is_stopped(lab: Any) -> None:
    """After `max_steps` requests; the error names it, and what the run has used."""
    agent = await lab.agent(name="looper", tools=[lab.weather()], max_steps=3)
    for _ in range(4):
        lab.reply(None, ("weather", {"city": "Paris"}))
    with pytest.raises(
        AgentError, match=r"`looper` came to no end within 3 steps.*`max_steps`"
    ) as e:
        await lab.ask(agent, "run", "Weather?")
    assert len(lab.bodies) == 3
    assert e.value.details["steps"] == 3
    assert e.value.details["usage"]["total_tokens"] > 0
    assert lab.session.fatal is None


async def test_invalid_arguments_without_end_are_stopped_by_max_steps(lab: Any) -> None:
    """There is no count of retries besides."""
    agent = await lab.agent(tools=[lab.weather()], max_steps=4)
    for _ in range(5):
        lab.reply(None, ("weather", {}))
    with pytest.raises(AgentError, match="within 4 steps"):
        await lab.ask(agent, "run", "Weather?")
    assert len(lab.bodies) == 4


async def test_the_budget_bounds_steps_too(labs: Any) -> None:
    """Where the script does not; and no script may allow itself more."""
    lab = labs(agent_steps=2)
    agent = await lab.agent(tools=[lab.weather()])
    for _ in range(3):
        lab.reply(None, ("weather", {"city": "Paris"}))
    with pytest.raises(AgentError, match=r"within 2 steps; raise the budget's `agent_steps`"):
        await lab.ask(agent, "run", "Weather?")
    assert len(lab.bodies) == 2
    with pytest.raises(ValidationError, match=r"`max_steps`.*the budget allows 2"):
        await lab.agent(max_steps=3)


@pytest.mark.parametrize("budget", [{"llm_calls": 1}, {"tool_calls": 0}])
async def test_a_budget_ends_the_agent_and_the_run(labs: Any, budget: dict[str, int]) -> None:
    """No further request is sent, whatever the script catches."""
    lab = labs(**budget)
    agent = await lab.agent(tools=[lab.weather()])
    lab.reply(None, ("weather", {"city": "Paris"}))
    with pytest.raises(BudgetError):
        await lab.ask(agent, "run", "Weather?")
    assert len(lab.bodies) == 1
    assert isinstance(lab.session.fatal, BudgetError)
    with pytest.raises(BudgetError):
        await lab.ask(agent, "run", "Again?")
    assert len(lab.bodies) == 1


async def test_an_answer_that_was_cut_off_in_a_call_is_an_error(lab: Any) -> None:
    """Asked again, it would be cut off again; the error names `max_tokens`."""
    agent = await lab.agent(tools=[lab.weather()])
    call = ToolCall("weather", {"city": "Paris"})
    lab.mock.add(Reply(tool_calls=(call,), finish_reason="length"))
    lab.mock.break_tool_call("malformed_arguments")
    with pytest.raises(AgentError, match="cut off; give it a larger `max_tokens`"):
        await lab.ask(agent, "run", "Weather?")


async def test_an_empty_answer_is_asked_for_again(lab: Any) -> None:
    """And a model that gives nothing but that is an error in the end."""
    agent = await lab.agent(name="mute")
    lab.reply("")
    lab.reply("Here.")
    assert await lab.ask(agent, "run", "Say something") == "Here."
    for _ in range(8):
        lab.reply("")
    with pytest.raises(AgentError, match="the agent `mute` gave no answer"):
        await lab.ask(agent, "run", "Say something")


async def test_a_tools_image_reaches_the_model(lab: Any) -> None:
    """As an image in a message after the tool's."""
    png = b"\x89PNG\r\n\x1a\n" + b"\0" * 8
    image = {"type": "image", "data": png, "mime_type": "image/png"}
    agent = await lab.agent(tools=[lab.weather(image)])
    lab.reply(None, ("weather", {"city": "Paris"}))
    lab.reply("A picture of the sun.")
    await lab.ask(agent, "run", "Weather?")
    *_, tool, shown = lab.bodies[-1]["messages"]
    assert tool["role"] == "tool"
    assert "See file" in tool["content"]
    urls = [part["image_url"]["url"] for part in shown["content"] if part["type"] == "image_url"]
    assert [url[:30] for url in urls] == ["data:image/png;base64,iVBORw0K"]


async def test_many_agents_run_at_once(lab: Any) -> None:
    """A failure of one is its own."""
    agents = [await lab.agent(model=f"openai/m{n}") for n in range(3)]
    for n in (0, 2):
        lab.reply(f"I am {n}", model=f"m{n}")
    lab.mock.fail(400, model="m1", times=None)
    asked = [lab.ask(agent, "run", "Who?") for agent in agents]
    first, second, third = await asyncio.gather(*asked, return_exceptions=True)
    assert (first, third) == ("I am 0", "I am 2")
    assert second.kind == "provider"
