"""Calls of tools that somebody has to approve: a function of the script, or a person."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llmspell_core import ScriptRuntimeError, UnsupportedError

pytestmark = pytest.mark.anyio
PARIS = {"city": "Paris"}


async def test_a_function_sees_each_call_and_decides(lab: Any) -> None:
    """True makes it; false, or a text that says why, tells the model instead."""
    answers = {"Paris": True, "Rome": False, "Oslo": "too cold"}
    seen: list[Any] = []

    def approve(call: Any) -> Any:
        seen.append(call)
        return answers[call["arguments"]["city"]]

    agent = await lab.agent(name="clerk", tools=[lab.weather()], approve=lab.function(approve))
    lab.reply(None, *(("weather", {"city": city}) for city in answers))
    lab.reply("Done.")
    answer = await lab.ask(agent, "run", "Weather?")
    assert [call["arguments"]["city"] for call in seen] == list(answers)
    assert {(call["name"], call["agent"]) for call in seen} == {("weather", "clerk")}
    made, refused, cold = answer.fields["tool_calls"]
    assert made["result"] == "sunny"
    assert refused["error"] == "the tool `weather` was not called: the call was not approved"
    assert cold["error"] == "the tool `weather` was not called: too cold"
    assert lab.session.ledger.usage.tool_calls == 1


async def test_nobody_is_asked_about_arguments_that_do_not_fit(lab: Any) -> None:
    """The model is told at once."""
    agent = await lab.agent(tools=[lab.weather()], approve=lab.function(lambda _: True))
    lab.reply(None, ("weather", {}))
    lab.reply("Sorry.")
    await lab.ask(agent, "run", "Weather?")
    assert lab.called == []


@pytest.mark.parametrize("answer", [None, 1, {}])
async def test_a_function_that_gives_no_answer_is_the_scripts_mistake(
    lab: Any, answer: Any
) -> None:
    """Nothing is called."""
    agent = await lab.agent(tools=[lab.weather()], approve=lab.function(lambda _: answer))
    lab.reply(None, ("weather", PARIS))
    with pytest.raises(ScriptRuntimeError, match="`approve` of the agent gives true, false"):
        await lab.ask(agent, "run", "Weather?")
    assert len(lab.called) == 1


async def test_a_function_that_fails_ends_the_agent(lab: Any) -> None:
    """With its own error."""

    def approve(_: Any) -> None:
        raise ScriptRuntimeError("boom")

    agent = await lab.agent(tools=[lab.weather()], approve=lab.function(approve))
    lab.reply(None, ("weather", PARIS))
    with pytest.raises(ScriptRuntimeError, match="boom"):
        await lab.ask(agent, "run", "Weather?")


@pytest.mark.parametrize("yes", [True, False])
async def test_a_person_is_asked_where_there_is_one(labs: Any, *, yes: bool) -> None:
    """About this call alone, with its arguments; nothing is granted."""
    questions: list[Any] = []

    async def ask(question: Any) -> bool:
        questions.append(question)
        return yes

    lab = labs(ask=ask)
    agent = await lab.agent(name="clerk", tools=[lab.weather()], approve="ask")
    for _ in range(2):
        lab.reply(None, ("weather", PARIS))
        lab.reply("Done.")
        answer = await lab.ask(agent, "run", "Weather?")
        assert ("result" in answer.fields["tool_calls"][0]) == yes
    assert len(questions) == 2
    question = questions[0]
    assert (question.call.tool, question.call.arguments) == ("weather", '{"city":"Paris"}')
    assert (question.where, question.wants) == ("the agent `clerk`", ())
    assert not lab.session.permissions.some("tool")


async def test_people_are_asked_one_thing_at_a_time(labs: Any) -> None:
    """Also where a model calls several tools at once."""
    open_questions = 0

    async def ask(_: Any) -> bool:
        nonlocal open_questions
        open_questions += 1
        assert open_questions == 1
        await asyncio.sleep(0)
        open_questions -= 1
        return True

    lab = labs(ask=ask)
    agent = await lab.agent(tools=[lab.weather()], approve="ask")
    lab.reply(None, *[("weather", PARIS)] * 3)
    lab.reply("Done.")
    assert await lab.ask(agent, "run", "Weather?") == "Done."


async def test_where_nobody_can_be_asked_no_agent_is_made(lab: Any) -> None:
    """Before it costs anything."""
    with pytest.raises(UnsupportedError, match="nobody to ask here"):
        await lab.agent(name="clerk", approve="ask")
