"""The local models through the real litellm."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_bridges.local import store
from llmspell_bridges.local.client import close_local_models, shared_model
from llmspell_core.errors import ModelNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.anyio,
    # Pydantic's remark about litellm's own types, made once, at the first streamed chunk.
    pytest.mark.filterwarnings("ignore:Item .* on TypedDict class .* `ReadOnly`:UserWarning"),
]

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
STORY = [{"role": "user", "content": "Tell me a long story about a river."}]
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 40}},
            "required": ["city"],
        },
    },
}


@pytest.fixture(scope="module")
def litellm() -> Any:
    """Give litellm with the provider registered."""
    from llmspell_bridges.local import provider

    provider.register()
    import litellm as module

    module.suppress_debug_info = True
    return module


@pytest.fixture(autouse=True)
def _pulled() -> Iterator[None]:
    """Need the models of the machine's cache; end their processes after the test."""
    missing = [it.model.name for it in store.listing() if it.bytes_on_disk is None]
    if missing:
        pytest.fail(f"these tests need `llmspell models pull {' '.join(missing)}` first")
    yield
    asyncio.run(close_local_models())


async def test_completion(litellm: Any) -> None:
    """An answer has text, usage, the model's full name, and costs nothing."""
    answer = await litellm.acompletion(
        model="local/smollm2", messages=QUESTION, max_tokens=10, temperature=0, seed=1, stop=["."]
    )
    assert answer.choices[0].message.content
    assert answer.usage.total_tokens > answer.usage.prompt_tokens > 0
    assert answer.model == "local/smollm2"
    assert litellm.completion_cost(answer) == 0.0


async def test_stream(litellm: Any) -> None:
    """A stream brings text, why it ended, and the usage where it is asked for."""
    stream = await litellm.acompletion(
        model="local/smollm2",
        messages=STORY,
        max_tokens=10,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    assert sum(bool(it.choices and it.choices[0].delta.content) for it in chunks) > 3
    assert {it.choices[0].finish_reason for it in chunks if it.choices} == {None, "length"}
    assert chunks[-1].usage.completion_tokens == 10


async def test_tool_call_and_schema(litellm: Any) -> None:
    """Forced tool calls and JSON by schema come through litellm's parameters."""
    called = await litellm.acompletion(
        model="local/smollm2", messages=QUESTION, tools=[TOOL], tool_choice="required"
    )
    (call,) = called.choices[0].message.tool_calls
    assert call.function.name == "weather"
    assert set(json.loads(call.function.arguments)) == {"city"}
    assert called.choices[0].finish_reason == "tool_calls"
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    answer = await litellm.acompletion(
        model="local/smollm2", messages=QUESTION, response_format=wanted
    )
    assert isinstance(json.loads(answer.choices[0].message.content)["n"], int)


async def test_streamed_tool_call(litellm: Any) -> None:
    """A forced call streams as one whole call."""
    stream = await litellm.acompletion(
        model="local/smollm2", messages=QUESTION, tools=[TOOL], tool_choice="required", stream=True
    )
    deltas = [chunk.choices[0] async for chunk in stream]
    calls = [call for it in deltas for call in it.delta.tool_calls or ()]
    assert [call.function.name for call in calls] == ["weather"]
    assert deltas[-1].finish_reason == "tool_calls"


async def test_embedding(litellm: Any) -> None:
    """Embeddings have 384 dimensions each and count their tokens."""
    answer = await litellm.aembedding(model="local/minilm", input=["one", "two"])
    assert [len(it["embedding"]) for it in answer.data] == [384, 384]
    assert answer.usage.prompt_tokens > 0


async def test_errors_are_litellms(litellm: Any) -> None:
    """What goes wrong is of litellm's kind, with our error as its cause."""
    with pytest.raises(litellm.NotFoundError, match="no local model 'nope'") as caught:
        await litellm.acompletion(model="local/nope", messages=QUESTION)
    assert isinstance(caught.value.__cause__, ModelNotFoundError)
    with pytest.raises(litellm.BadRequestError, match="use `local/smollm2`"):
        await litellm.acompletion(model="local/minilm", messages=QUESTION)
    too_long = [{"role": "user", "content": "lorem ipsum dolor " * 4000}]
    with pytest.raises(litellm.ContextWindowExceededError, match="8192"):
        await litellm.acompletion(model="local/smollm2", messages=too_long)
    with pytest.raises(litellm.Timeout, match=r"did not finish within 0\.2 s"):
        await litellm.acompletion(
            model="local/smollm2", messages=STORY, max_tokens=4000, timeout=0.2
        )


@pytest.mark.usefixtures("cache")
async def test_a_model_that_was_not_pulled(litellm: Any) -> None:
    """A missing model names the command that pulls it, in streams as well."""
    request = {"model": "local/smollm2", "messages": QUESTION}
    with pytest.raises(litellm.NotFoundError, match="run `llmspell models pull smollm2`"):
        await litellm.acompletion(**request)
    stream = await litellm.acompletion(**request, stream=True)
    with pytest.raises(litellm.NotFoundError, match="run `llmspell models pull smollm2`"):
        await anext(stream)


async def test_a_stream_left_early_stops_the_model(litellm: Any) -> None:
    """Closing a stream after its first chunk lets the same child answer the next request."""
    stream = await litellm.acompletion(
        model="local/smollm2", messages=STORY, max_tokens=4000, stream=True
    )
    await anext(stream)
    pid = shared_model("smollm2").pid
    await stream.aclose()
    await litellm.acompletion(model="local/smollm2", messages=QUESTION, max_tokens=2, timeout=20)
    assert shared_model("smollm2").pid == pid


async def test_closing_ends_the_children(litellm: Any) -> None:
    """`close_local_models` ends the children; the next request starts another."""
    request = {"model": "local/smollm2", "messages": QUESTION, "max_tokens": 2}
    await litellm.acompletion(**request)
    pid = shared_model("smollm2").pid
    assert pid is not None
    await close_local_models()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert (await litellm.acompletion(**request)).usage.completion_tokens == 2


def test_without_an_event_loop(litellm: Any) -> None:
    """Callers without an event loop get whole answers, and a clear error for a stream."""
    request = {"model": "local/smollm2", "messages": QUESTION, "max_tokens": 2}
    assert litellm.completion(**request).usage.completion_tokens == 2
    assert len(litellm.embedding(model="local/minilm", input=["x"]).data) == 1
    with pytest.raises(litellm.BadRequestError, match="stream to asyncio only"):
        list(litellm.completion(**request, stream=True))
