"""What `llm.complete` sends, and what it answers."""

from __future__ import annotations

from typing import Any

import pytest

from llmspell_core import Session, TextRecord, ValidationError

pytestmark = pytest.mark.anyio


async def test_an_answer_is_a_text_with_fields(ask: Any, mock: Any) -> None:
    """The text itself, the message, usage, cost, model and metadata are all there."""
    mock.reply("Four.")
    answer = await ask("complete", "2 + 2?")
    assert isinstance(answer, TextRecord)
    assert answer == "Four."
    fields = answer.fields
    assert fields["content"] == "Four."
    assert fields["message"] == {"role": "assistant", "content": "Four."}
    usage = fields["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0
    cost = usage["prompt_tokens"] * 10e-6 + usage["completion_tokens"] * 20e-6
    assert fields["cost_usd"] == pytest.approx(cost)
    assert fields["model"] == "openai/gpt-4o"
    assert fields["finish_reason"] == "stop"
    assert fields["metadata"]["provider"] == "openai"
    assert fields["metadata"]["id"].startswith("chatcmpl")


async def test_the_specs_call_runs_as_written(ask: Any, mock: Any) -> None:
    """One map with a model and messages is a whole request; a bare name finds its provider."""
    messages = [{"role": "user", "content": "Explain quantum computing"}]
    answer = await ask("complete", {"model": "gpt-4", "messages": messages})
    assert answer.fields["model"] == "openai/gpt-4"
    assert mock.last_request.body["model"] == "gpt-4"
    assert mock.last_request.body["messages"] == messages


async def test_system_messages_and_prompt_are_sent_in_this_order(ask: Any, mock: Any) -> None:
    """The system text comes first, the prompt last."""
    await ask("complete", "and 3 + 3?", {"system": "Be terse.", "messages": [
        {"role": "user", "content": "2 + 2?"},
        {"role": "assistant", "content": "4", "metadata": {"note": "not sent"}},
    ]})  # fmt: skip
    assert mock.last_request.body["messages"] == [
        {"role": "system", "content": "Be terse."},
        {"role": "user", "content": "2 + 2?"},
        {"role": "assistant", "content": "4"},
        {"role": "user", "content": "and 3 + 3?"},
    ]


async def test_an_answer_can_be_part_of_the_next_question(ask: Any, mock: Any) -> None:
    """Its message, and the text record itself as content, are taken back."""
    answer = await ask("complete", "Hi")
    again = [answer.fields["message"], {"role": "user", "content": answer}]
    await ask("complete", {"messages": again})
    assert [m["content"] for m in mock.last_request.body["messages"]] == [str(answer)] * 2


async def test_every_sampling_parameter_is_sent(ask: Any, mock: Any) -> None:
    """Each under the name that the provider knows."""
    await ask("complete", "Hi", {
        "temperature": 0.5, "top_p": 0.9, "max_tokens": 7.0, "stop_sequences": ["END"],
        "seed": 4, "presence_penalty": 0.1, "frequency_penalty": 0.2,
    })  # fmt: skip
    body = mock.last_request.body
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (0.5, 0.9, 7)
    assert (body["stop"], body["seed"]) == (["END"], 4)
    assert (body["presence_penalty"], body["frequency_penalty"]) == (0.1, 0.2)


@pytest.mark.parametrize(
    "form",
    [
        {"schema": {"type": "object", "properties": {"n": {"type": "integer"}}}},
        {"response_format": {"type": "json_object"}},
    ],
)
async def test_an_answer_in_json_is_parsed(ask: Any, mock: Any, form: dict[str, Any]) -> None:
    """Its value is in `data`, its text in `content`."""
    mock.reply('{"n": 4}')
    answer = await ask("complete", "2 + 2?", form)
    assert answer.fields["data"] == {"n": 4}
    assert answer.fields["content"] == '{"n": 4}'
    assert mock.last_request.body["response_format"]["type"].startswith("json_")


async def test_tools_are_offered_and_their_calls_come_back(ask: Any, mock: Any) -> None:
    """A tool call is a record with parsed arguments, and can be answered by a tool's message."""
    mock.call_tool("weather", {"city": "Paris"})
    tool = {"name": "weather", "description": "Tell it", "parameters": {"type": "object"}}
    answer = await ask("complete", "Rain?", {"tools": [tool], "tool_choice": "weather"})
    sent = mock.last_request.body
    assert sent["tools"] == [{"type": "function", "function": tool}]
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    (called,) = answer.fields["tool_calls"]
    assert (called["name"], called["arguments"]) == ("weather", {"city": "Paris"})
    assert answer.fields["finish_reason"] == "tool_calls"
    result = {"role": "tool", "tool_call_id": called["id"], "content": "Yes"}
    await ask("complete", {"messages": [answer.fields["message"], result]})
    back = mock.last_request.body["messages"]
    assert back[0]["tool_calls"][0]["function"]["name"] == "weather"
    assert back[1] == result


async def test_broken_arguments_of_a_tool_call_are_kept_as_text(ask: Any, mock: Any) -> None:
    """What the model wrote is there to be shown; nothing is invented in its place."""
    mock.call_tool("weather", {"city": "Paris"}).break_tool_call()
    answer = await ask("complete", "Rain?", {"tools": [{"name": "weather"}]})
    (called,) = answer.fields["tool_calls"]
    assert "arguments" not in called
    assert called["arguments_text"].startswith("{")


async def test_the_runs_default_model_wins_over_the_hosts(
    session: Session, ask: Any, mock: Any
) -> None:
    """`--model` reaches the call; a model that the spell names wins over it."""
    session.options["model"] = "openai/gpt-4.1"
    await ask("complete", "Hi")
    assert mock.last_request.body["model"] == "gpt-4.1"
    await ask("complete", "Hi", {"provider": "openai", "model": "gpt-4o"})
    assert mock.last_request.body["model"] == "gpt-4o"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([{"model": "gpt-4"}], "bad argument `prompt` to `llm.complete`: give `prompt`, or"),
        (["Hi", {"temprature": 1}], "unknown argument `temprature` of `llm.complete`; did you mean"),
        (["Hi", {"temperature": "hot"}], "bad argument `temperature` to `llm.complete`: expected"),
        (["Hi", {"max_tokens": 0}], "bad argument `max_tokens` to `llm.complete`: expected"),
        ([{"messages": [{"role": "user", "content": [{"type": "text", "text": 3}]}]}],
         "bad argument `messages[0].content[0].text` to `llm.complete`: expected string, got integer"),
        ([{"messages": [{"role": "tool", "content": "x"}]}], "bad argument `messages[0].tool_call_id`"),
        ([{"messages": [{"role": "user"}]}], "bad argument `messages[0].content`"),
        ([{"messages": [{"role": "user", "content": "x", "cache": 1}]}], "contains unknown field"),
        (["Hi", {"tools": [{"type": "mcp", "server_url": "http://x"}]}], "bad argument `tools[0]"),
        (["Hi", {"schema": {}, "response_format": {"type": "text"}}], "bad argument `schema`"),
        ([{"messages": [{"role": "user", "content": [{"type": "image", "url": "file:///etc/x"}]}]}],
         "expected an https: or a data:image/ URL"),
    ],
)  # fmt: skip
async def test_a_wrong_argument_is_named(
    ask: Any, mock: Any, args: list[Any], message: str
) -> None:
    """The message says which one and what was expected; nothing is sent."""
    with pytest.raises(ValidationError) as caught:
        await ask("complete", *args)
    assert message in str(caught.value)
    assert mock.requests == []


@pytest.mark.parametrize(
    "name",
    [
        "api_base", "base_url", "api_key", "headers", "extra_headers", "input_cost_per_token",
        "mock_response", "custom_llm_provider", "callbacks", "num_retries", "context_window_fallback_dict", "metadata",
    ],
)  # fmt: skip
async def test_what_belongs_to_the_host_cannot_be_passed(ask: Any, mock: Any, name: str) -> None:
    """Endpoints, keys, headers, prices, callbacks and routing are no arguments."""
    with pytest.raises(ValidationError, match=f"unknown argument `{name}`"):
        await ask("complete", "Hi", {name: "x"})
    assert mock.requests == []
