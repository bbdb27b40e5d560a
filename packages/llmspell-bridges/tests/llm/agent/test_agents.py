"""How agents are made, changed, checked and closed; retries and fallbacks of their requests."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llmspell_core import (
    AuthenticationError,
    ModelNotFoundError,
    PermissionDeniedError,
    Permissions,
    RateLimitError,
    ValidationError,
)

pytestmark = pytest.mark.anyio
NOW = {"max_attempts": 3, "base_delay_ms": 0}


async def test_a_request_is_tried_again_as_the_script_says(lab: Any) -> None:
    """429, then an answer: one step, two requests."""
    agent = await lab.agent(retry=NOW)
    lab.mock.rate_limit(retry_after=0)
    lab.reply("Hello.")
    answer = await lab.ask(agent, "run", "Hi")
    assert answer == "Hello."
    assert (answer.fields["steps"], len(lab.bodies)) == (1, 2)


async def test_without_retry_a_refusal_is_the_agents(lab: Any) -> None:
    """With its kind, as `llm.complete` gives it."""
    agent = await lab.agent()
    lab.mock.rate_limit(retry_after=3)
    with pytest.raises(RateLimitError) as caught:
        await lab.ask(agent, "run", "Hi")
    assert caught.value.retry_after_s == 3
    assert len(lab.bodies) == 1


async def test_another_model_answers_where_the_first_cannot(lab: Any) -> None:
    """In the middle of a conversation, too; the answer says who failed."""

    def weather(_: Any) -> str:
        lab.mock.fail(503, model="gpt-4o", times=None)
        return "sunny"

    agent = await lab.agent(fallbacks=["openai/spare"], tools=[lab.tool("weather", weather)])
    lab.reply(None, ("weather", {"city": "Paris"}), model="gpt-4o")
    lab.reply("Sunny.", model="spare")
    answer = await lab.ask(agent, "run", "Weather?")
    assert [body["model"] for body in lab.bodies] == ["gpt-4o", "gpt-4o", "spare"]
    assert lab.bodies[2]["messages"] == lab.bodies[1]["messages"]
    assert answer.fields["model"] == "openai/spare"
    assert answer.fields["metadata"]["failed"][0]["model"] == "openai/gpt-4o"


async def test_tools_are_names_definitions_and_what_a_script_holds(lab: Any, loud: Any) -> None:
    """All are shown to the model, and listed by `tools`."""
    defined = await lab.ask(await lab.agent(name="a"), "as_tool")
    agent = await lab.agent(tools=["loud", lab.weather(), defined])
    lab.reply("Hi.")
    await lab.ask(agent, "run", "Hello")
    names = [tool["function"]["name"] for tool in lab.bodies[0]["tools"]]
    assert names == ["loud", "weather", "a"]
    assert [tool["name"] for tool in await lab.ask(agent, "tools")] == names


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tools": ["nope"]}, "unknown tool `nope`"),
        ({"tools": [3]}, r"bad argument `tools` to `llm.agent`: expected names, .* got int"),
        ({"tools": [{"name": "x"}]}, r"`tools` to `llm.agent`: missing required field handler"),
        ({"tools": [{"name": "x", "handler": 1}]}, "expected function, got integer"),
        ({"tools": "x"}, r"bad argument `tools` to `llm.agent`: expected list"),
        ({"max_steps": 0}, "bad argument `max_steps`"),
        ({"temperature": 3}, "bad argument `temperature`"),
        ({"tool_choice": "x"}, "bad argument `tool_choice`"),
        ({"approve": "maybe"}, "bad argument `approve`"),
        ({"api_base": "http://example.org"}, "unknown argument `api_base`"),
    ],
)
async def test_what_is_wrong_is_said_when_the_agent_is_made(
    lab: Any, options: dict[str, Any], said: str
) -> None:
    """It names the argument; no request is made."""
    with pytest.raises(ValidationError, match=said):
        await lab.agent(**options)
    assert lab.bodies == []


async def test_a_bad_schema_of_a_tool_is_refused(lab: Any) -> None:
    """Where it is defined in place."""
    tool = lab.tool("x", print, parameters={"properties": {"x": {"type": "strng"}}})
    with pytest.raises(ValidationError, match=r"`parameters` to `llm.agent`: not a JSON Schema"):
        await lab.agent(tools=[tool])


async def test_two_tools_of_one_name_are_refused(lab: Any) -> None:
    """A model could not tell them apart."""
    with pytest.raises(ValidationError, match="two tools are called `weather`"):
        await lab.agent(tools=[lab.weather(), lab.weather()])


async def test_with_gives_a_new_agent(lab: Any) -> None:
    """Like the first but for what was given, without its conversation; the first is as before."""
    agent = await lab.agent(system="Be brief.", temperature=1)
    for text in ("One.", "Two.", "Three.", "Four."):
        lab.reply(text)
    await lab.ask(agent, "run", "A")
    polite = await lab.ask(agent, "with_system_prompt", "Be polite.")
    cold = await lab.ask(polite, "with_config", {"temperature": 0})
    equipped = await lab.ask(cold, "with_tools", [lab.weather()])
    await lab.ask(equipped, "run", "B")
    assert lab.sent() == [("system", "Be polite."), ("user", "B")]
    assert lab.bodies[-1]["temperature"] == 0
    assert len(lab.bodies[-1]["tools"]) == 1
    await lab.ask(agent, "run", "C")
    assert lab.sent()[0] == ("system", "Be brief.")
    assert lab.bodies[-1]["temperature"] == 1
    assert len(lab.sent()) == 4


async def test_validate_says_what_keeps_it_from_running(labs: Any, loud: Any) -> None:
    """Its model, its key, the permissions of its tools; nothing is asked of a model."""
    lab = labs(permissions=Permissions(model=("openai/*",)))
    good = await lab.agent(tools=[lab.weather()])
    assert await lab.ask(good, "validate") == {"valid": True, "errors": []}
    bad = await lab.agent(model="anthropic/claude-3-opus-20240229", tools=["loud"])
    found = await lab.ask(bad, "validate")
    assert not found["valid"]
    assert "--allow-model=anthropic/claude-3-opus-20240229" in found["errors"][0]
    assert "--allow-tool=loud" in found["errors"][1]
    assert lab.bodies == []


async def test_a_model_that_cannot_be_used_is_the_runs_error(labs: Any) -> None:
    """Not permitted, without a key, unknown."""
    lab = labs(permissions=Permissions(model=("openai/*", "anthropic/*")))
    for model, kind in (
        ("gemini/gemini-2.0-flash", PermissionDeniedError),
        ("anthropic/claude-3-opus-20240229", AuthenticationError),
        ("what/ever", ModelNotFoundError),
    ):
        agent = await lab.agent(model=model)
        with pytest.raises(kind):
            await lab.ask(agent, "run", "Hi")


async def test_an_agent_that_was_closed_does_not_run(lab: Any) -> None:
    """It says so."""
    agent = await lab.agent(name="clerk")
    await lab.ask(agent, "close")
    with pytest.raises(ValidationError, match="the agent `clerk` was closed"):
        await lab.ask(agent, "run", "Hi")


async def test_the_default_model_is_the_hosts(lab: Any) -> None:
    """Where the script names none."""
    lab.session.options["model"] = "openai/chosen"
    lab.reply("Hi.")
    await lab.ask(await lab.agent(), "run", "Hello")
    assert lab.bodies[0]["model"] == "chosen"


async def test_all_requests_at_once_go_through_the_same_door(lab: Any) -> None:
    """Twenty agents of three steps each are sixty calls of the ledger."""
    agents = [await lab.agent(model=f"openai/m{n}", tools=[lab.weather()]) for n in range(20)]
    for n in range(20):
        lab.reply(None, ("weather", {"city": "A"}), model=f"m{n}")
        lab.reply(None, ("weather", {"city": "B"}), model=f"m{n}")
        lab.reply("Done.", model=f"m{n}")
    answers = await asyncio.gather(*(lab.ask(agent, "run", "?") for agent in agents))
    assert answers == ["Done."] * 20
    assert lab.session.ledger.usage.llm_calls == 60
    assert lab.session.ledger.usage.tool_calls == 40
    assert lab.session.ledger.reserved_usd == 0
