"""What an agent remembers, and conversations that a script keeps itself."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from llmspell_core import AgentError, ValidationError

pytestmark = pytest.mark.anyio
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8


async def test_an_agent_remembers_until_it_is_reset(lab: Any) -> None:
    """Each request has all that was said before; the system prompt stands once, first."""
    agent = await lab.agent(system="Be brief.")
    for text in ("Hello.", "Ada.", "Who are you?"):
        lab.reply(text)
    await lab.ask(agent, "run", "I am Ada")
    await lab.ask(agent, "run", "Who am I?")
    assert lab.sent() == [
        ("system", "Be brief."),
        ("user", "I am Ada"),
        ("assistant", "Hello."),
        ("user", "Who am I?"),
    ]
    assert await lab.ask(agent, "history") == [
        {"role": "user", "content": "I am Ada"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "Who am I?"},
        {"role": "assistant", "content": "Ada."},
    ]
    await lab.ask(agent, "reset")
    assert await lab.ask(agent, "history") == []
    await lab.ask(agent, "run", "Who am I?")
    assert lab.sent() == [("system", "Be brief."), ("user", "Who am I?")]


async def test_a_failed_run_is_not_remembered(lab: Any) -> None:
    """The next one begins where the last good one ended."""
    agent = await lab.agent(max_steps=1, tools=[lab.weather()])
    lab.reply(None, ("weather", {"city": "Paris"}))
    with pytest.raises(AgentError):
        await lab.ask(agent, "run", "Weather?")
    assert await lab.ask(agent, "history") == []


async def test_a_context_is_saved_and_loaded_as_json(lab: Any) -> None:
    """Calls of tools and their results included: what is sent is the same as without."""
    agent = await lab.agent(tools=[lab.weather({"sky": "clear"})])
    lab.reply(None, ("weather", {"city": "Paris"}))
    lab.reply("Clear.")
    lab.reply("Paris.")
    first = await lab.ask(agent, "run_with_context", "Weather?", {"topic": "weather"})
    saved = json.dumps(first.fields["context"])
    assert json.loads(saved)["topic"] == "weather"
    other = await lab.agent()
    second = await lab.ask(other, "run_with_context", "Which city?", json.loads(saved))
    assert lab.bodies[2]["messages"][:3] == lab.bodies[1]["messages"]
    assert lab.sent()[3:] == [("assistant", "Clear."), ("user", "Which city?")]
    assert len(second.fields["context"]["messages"]) == 6
    assert await lab.ask(agent, "history") == []
    assert await lab.ask(other, "history") == []


async def test_run_and_stream_take_a_context_too(lab: Any) -> None:
    """By name; an empty one is a new conversation."""
    agent = await lab.agent()
    for text in ("One.", "Two.", "Three."):
        lab.reply(text)
    await lab.ask(agent, "run", "A")
    answer = await lab.ask(agent, "run", "B", {"context": {}})
    assert lab.sent() == [("user", "B")]
    end = (await lab.pull(agent, "C", {"context": answer.fields["context"]}))[-1]
    assert lab.sent() == [("user", "B"), ("assistant", "Two."), ("user", "C")]
    assert len(end.fields["context"]["messages"]) == 4


async def test_images_and_files_are_kept_as_data_urls(lab: Any) -> None:
    """What bytes cannot be: JSON."""
    agent = await lab.agent()
    lab.reply("A picture and a text.")
    lab.reply("Yes.")
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image", "data": PNG, "mime_type": "image/png"},
        {"type": "file", "data": b"%PDF-1.7", "name": "a.pdf"},
        {"type": "audio", "data": b"RIFF\0\0\0\0WAVE"},
    ]
    first = await lab.ask(agent, "run_with_context", parts, {})
    (sent,) = lab.bodies[0]["messages"]
    kinds = [part["type"] for part in sent["content"]]
    assert kinds == ["text", "image_url", "file", "input_audio"]
    saved = json.loads(json.dumps(first.fields["context"]))
    await lab.ask(agent, "run_with_context", "Sure?", saved)
    assert lab.bodies[1]["messages"][0] == sent


async def test_a_conversation_of_complete_goes_on_with_an_agent(lab: Any) -> None:
    """Both speak of messages in the same words."""
    agent = await lab.agent()
    lab.reply("Four.")
    messages = [
        {"role": "system", "content": "Count."},
        {"role": "user", "content": "2 + 2?"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "name": "add"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "4"},
    ]
    await lab.ask(agent, "run", "So?", {"context": {"messages": messages}})
    assert lab.sent() == [
        ("system", "Count."),
        ("user", "2 + 2?"),
        ("assistant", [("add", "{}")]),
        ("tool", "4"),
        ("user", "So?"),
    ]


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ({"messages": [{"role": "robot"}]}, r"`context.messages\[0\].role`"),
        ({"messages": "text"}, "`context.messages`"),
        ({"messages": [{"role": "user"}]}, r"`messages\[0\].content`"),
    ],
)
async def test_a_bad_context_is_refused(lab: Any, context: Any, said: str) -> None:
    """It names the part; no request is made."""
    agent = await lab.agent()
    with pytest.raises(ValidationError, match=said):
        await lab.ask(agent, "run", "Hi", {"context": context})
    assert lab.bodies == []


async def test_runs_at_the_same_time_do_not_see_each_other(lab: Any) -> None:
    """Each goes on from what was said when it began; both are remembered."""
    agent = await lab.agent()
    lab.reply("One.")
    lab.reply("One.")
    await asyncio.gather(lab.ask(agent, "run", "A"), lab.ask(agent, "run", "B"))
    assert sorted(map(str, (lab.sent(0), lab.sent(1)))) == ["[('user', 'A')]", "[('user', 'B')]"]
    assert len(await lab.ask(agent, "history")) == 4
