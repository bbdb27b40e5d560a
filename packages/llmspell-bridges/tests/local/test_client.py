"""The real models in their child processes; structure is asserted, never words."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_bridges.local import catalog
from llmspell_bridges.local.chat import prepare
from llmspell_core.errors import (
    BadResponseError,
    ContextWindowError,
    ModelNotFoundError,
    ProviderError,
)

if TYPE_CHECKING:
    from llmspell_bridges.local.client import LocalModel

pytestmark = pytest.mark.anyio

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
STORY = [{"role": "user", "content": "Tell me a long story about a river."}]
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 30},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "kind": {"enum": ["human", "robot"]},
    },
    "required": ["name", "age", "kind"],
}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "Get the weather of a city",
            "parameters": {
                "type": "object",
                "properties": {"city": {"$ref": "#/$defs/City"}},
                "required": ["city"],
                "$defs": {"City": {"type": "string", "maxLength": 40}},
            },
        },
    },
    {"type": "function", "function": {"name": "now", "description": "Get the time"}},
]


async def short(model: LocalModel) -> dict[str, Any]:
    """Ask for an answer of a few tokens."""
    return await model.complete({"messages": QUESTION, "max_tokens": 4})


async def test_complete(smollm2: LocalModel) -> None:
    """An answer has text, the reason of its end and counted tokens."""
    answer = await smollm2.complete({"messages": QUESTION, "max_tokens": 30, "temperature": 0})
    usage = answer["usage"]
    assert answer["text"]
    assert answer["finish_reason"] in {"stop", "length"}
    assert answer["tool_calls"] == []
    assert 0 < usage["completion_tokens"] <= 30
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


async def test_the_same_seed_gives_the_same_answer(smollm2: LocalModel) -> None:
    """Temperature and seed reach the model: the same seed repeats an answer."""
    request = {"messages": STORY, "max_tokens": 12, "temperature": 0.9}
    texts = [(await smollm2.complete({**request, "seed": seed}))["text"] for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


async def test_max_tokens_ends_an_answer(smollm2: LocalModel) -> None:
    """An answer that is cut off says so."""
    answer = await smollm2.complete({"messages": STORY, "max_tokens": 5})
    assert answer["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 5


async def test_stop_ends_an_answer(smollm2: LocalModel) -> None:
    """A stop sequence ends an answer and is not part of it."""
    answer = await smollm2.complete(
        {"messages": STORY, "max_tokens": 200, "temperature": 0, "stop": [" "]}
    )
    assert answer["finish_reason"] == "stop"
    assert " " not in answer["text"]


async def test_stream(smollm2: LocalModel) -> None:
    """A stream brings text in pieces; the last says why it ended and what it used."""
    chunks = [it async for it in smollm2.stream({"messages": STORY, "max_tokens": 20})]
    *pieces, last = chunks
    assert len(pieces) > 10
    assert all(set(piece) == {"text"} for piece in pieces)
    assert last["finish_reason"] == "length"
    assert last["usage"]["completion_tokens"] == 20


@pytest.mark.parametrize("seed", range(5))
async def test_json_schema(smollm2: LocalModel, seed: int) -> None:
    """At a high temperature too an answer matches its JSON Schema."""
    schema = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}
    messages = [{"role": "user", "content": "Describe a person."}]
    request = {"messages": messages, "temperature": 0.9, "seed": seed, "response_format": schema}
    person = json.loads((await smollm2.complete(request))["text"])
    assert set(person) == {"name", "age", "kind"}
    assert isinstance(person["name"], str)
    assert 0 <= person["age"] <= 150
    assert person["kind"] in {"human", "robot"}


async def test_a_schema_that_cannot_be_followed(smollm2: LocalModel) -> None:
    """A schema the runtime cannot use is an error, not free text."""
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "bogus"}}}
    request = {"messages": QUESTION, "temperature": 0, "response_format": schema}
    with pytest.raises(ProviderError, match="cannot follow the JSON Schema of `response_format`"):
        await smollm2.complete(request)


async def test_a_required_tool_call(smollm2: LocalModel) -> None:
    """Where a call is required there is one, of a known tool, with arguments of its schema."""
    request = {"messages": QUESTION, "tools": TOOLS, "tool_choice": "required"}
    answer = await smollm2.complete({**request, "temperature": 0})
    (call,) = answer["tool_calls"]
    arguments = json.loads(call["function"]["arguments"])
    assert answer["finish_reason"] == "tool_calls"
    assert answer["text"] == ""
    assert set(arguments) == {"weather": {"city"}, "now": set()}[call["function"]["name"]]


async def test_a_named_tool_call(smollm2: LocalModel) -> None:
    """A named tool is the one that is called."""
    choice = {"type": "function", "function": {"name": "weather"}}
    answer = await smollm2.complete({"messages": QUESTION, "tools": TOOLS, "tool_choice": choice})
    (call,) = answer["tool_calls"]
    assert call["function"]["name"] == "weather"
    assert isinstance(json.loads(call["function"]["arguments"])["city"], str)


async def test_tools_leave_the_choice_to_the_model(smollm2: LocalModel) -> None:
    """Where tools are only offered, the answer is a whole call or text that is streamed."""
    request = {"messages": STORY, "tools": TOOLS, "max_tokens": 60, "temperature": 0}
    *pieces, last = [it async for it in smollm2.stream(request)]
    assert bool(last["tool_calls"]) != bool(pieces)


async def test_a_tool_is_not_called_again_by_itself(smollm2: LocalModel) -> None:
    """After its result the model may call another one, or answer; a new question changes that."""
    (first,) = (await smollm2.complete(_asking("required")))["tool_calls"]
    told = [
        *QUESTION,
        {"role": "assistant", "content": None, "tool_calls": [first]},
        {"role": "tool", "tool_call_id": first["id"], "content": "sunny"},
    ]
    name = first["function"]["name"]
    for messages, may in ((told, False), ([*told, *QUESTION], True)):
        prepared = prepare({"messages": messages, "tools": TOOLS, "tool_choice": "auto"})
        assert (name in prepared.tool_names) == may
        assert len(prepared.tool_names) == 1 + may
    answer = await smollm2.complete({**_asking("auto"), "messages": told, "tools": TOOLS[:1]})
    assert answer["tool_calls"] == [] or name != "weather"


def _asking(choice: str) -> dict[str, Any]:
    return {
        "messages": QUESTION,
        "tools": TOOLS,
        "tool_choice": choice,
        "max_tokens": 60,
        "temperature": 0,
        "seed": 1,
    }


async def test_a_tool_call_cut_off(smollm2: LocalModel) -> None:
    """A call that `max_tokens` cuts in two is an error that says so, not a broken call."""
    request = {"messages": QUESTION, "tools": TOOLS, "tool_choice": "required", "max_tokens": 3}
    with pytest.raises(BadResponseError, match=r"cut off inside a tool call.*raise `max_tokens`"):
        await smollm2.complete(request)


async def test_a_conversation_with_a_tool_result(smollm2: LocalModel) -> None:
    """Earlier calls and their results are read."""
    call = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    messages = [
        *QUESTION,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "twelve o'clock"},
    ]
    answer = await smollm2.complete({"messages": messages, "max_tokens": 5})
    assert answer["usage"]["prompt_tokens"] > (await short(smollm2))["usage"]["prompt_tokens"]


@pytest.mark.parametrize(
    ("request_part", "message"),
    [
        ({"messages": []}, "a request needs one at least"),
        ({"messages": [{"role": "bard", "content": "x"}]}, r"bad `messages\[0\]\.role`"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            r"bad `messages\[0\]\.content\[0\]`: a local model reads text, not 'image_url'",
        ),
        ({"tools": TOOLS, "tool_choice": {"function": {"name": "x"}}}, "there: weather, now"),
        ({"n": 2}, "gives one answer"),
        ({"temperature": "hot"}, "'temperature'.*must be number, but is string"),
    ],
)
async def test_bad_requests(
    smollm2: LocalModel, request_part: dict[str, Any], message: str
) -> None:
    """A request that can never succeed is refused with status 400, naming what is wrong."""
    with pytest.raises(ProviderError, match=message) as caught:
        await smollm2.complete({"messages": QUESTION, "max_tokens": 2, **request_part})
    assert caught.value.status_code == 400


async def test_context_overflow(smollm2: LocalModel) -> None:
    """A prompt larger than the context is a context-window error that names its size."""
    messages = [{"role": "user", "content": "lorem ipsum dolor " * 4000}]
    with pytest.raises(ContextWindowError, match="8192"):
        await smollm2.complete({"messages": messages})


async def test_a_request_larger_than_a_frame(smollm2: LocalModel) -> None:
    """A prompt too large to send is a context-window error, and the child survives it."""
    await short(smollm2)
    pid = smollm2.pid
    messages = [{"role": "user", "content": "x" * (17 * 1024 * 1024)}]
    with pytest.raises(ContextWindowError, match="too large"):
        await smollm2.complete({"messages": messages})
    await short(smollm2)
    assert smollm2.pid == pid


async def test_requests_at_once_are_all_answered(smollm2: LocalModel) -> None:
    """Requests at once wait for each other; each gets its own answer."""
    limits = [2, 5, 3]
    answers = await asyncio.gather(
        *(smollm2.complete({"messages": STORY, "max_tokens": limit}) for limit in limits)
    )
    assert [it["usage"]["completion_tokens"] for it in answers] == limits


async def test_embeddings(minilm: LocalModel) -> None:
    """Embeddings have 384 dimensions, length 1, and the similarities of the original model."""
    texts = ["That is a happy person", "That is a happy dog", "That is a very happy person"]
    first, *others = await minilm.embed([*texts, "Today is a sunny day"])
    products = [sum(a * b for a, b in zip(first, it, strict=True)) for it in others]
    assert len(first) == 384
    assert sum(number * number for number in first) == pytest.approx(1, abs=1e-5)
    # What the original model gives for these sentences, in 32-bit floats.
    assert products == pytest.approx([0.69458, 0.94292, 0.25688], abs=1e-3)


async def test_embedding_nothing(minilm: LocalModel) -> None:
    """No texts have no embeddings."""
    assert await minilm.embed([]) == []


async def test_embedding_a_text_too_long(minilm: LocalModel) -> None:
    """A text longer than the model reads is an error, not cut off silently."""
    with pytest.raises(ContextWindowError, match="512"):
        await minilm.embed(["fine", "word " * 600])


async def test_a_model_used_for_the_other_purpose(smollm2: LocalModel, minilm: LocalModel) -> None:
    """The error of a model used for what it does not do names the one that does."""
    with pytest.raises(ProviderError, match="use `local/smollm2`"):
        await short(minilm)
    with pytest.raises(ProviderError, match="use `local/minilm`"):
        await smollm2.embed(["x"])


def test_unknown_model() -> None:
    """An unknown model is refused before anything is started."""
    with pytest.raises(ModelNotFoundError, match="minilm, smollm2"):
        catalog.find("local/gpt-7")
