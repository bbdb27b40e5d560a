"""What `llm.stream` gives, and what it does when the stream does not go well."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llmspell_core import BadResponseError, NetworkError, RateLimitError, Session
from llmspell_core.dispatch import call

pytestmark = pytest.mark.anyio


async def test_pieces_then_an_end_with_usage_and_cost(pull: Any, mock: Any) -> None:
    """The pieces make the text; the end has no text, and all that belongs to the whole."""
    mock.reply("one two three")
    *pieces, end = await pull("Count")
    assert "".join(pieces) == "one two three"
    assert len(pieces) == 3
    assert {piece.fields["type"] for piece in pieces} == {"text"}
    assert end == ""
    assert end.fields["finish_reason"] == "stop"
    assert end.fields["model"] == "openai/gpt-4o"
    assert end.fields["message"]["content"] == "one two three"
    usage = end.fields["usage"]
    cost = usage["prompt_tokens"] * 10e-6 + usage["completion_tokens"] * 20e-6
    assert end.fields["cost_usd"] == pytest.approx(cost)
    assert usage["completion_tokens"] > 0
    assert mock.last_request.body["stream_options"] == {"include_usage": True}


async def test_json_and_tool_calls_are_whole_at_the_end(pull: Any, mock: Any) -> None:
    """Neither is handed out in halves."""
    mock.reply('{"n": 4}')
    assert (await pull("4?", {"schema": {"type": "object"}}))[-1].fields["data"] == {"n": 4}
    mock.call_tool("weather", {"city": "Paris"})
    (end,) = await pull("Rain?", {"tools": [{"name": "weather"}]})
    (called,) = end.fields["tool_calls"]
    assert (called["name"], called["arguments"]) == ("weather", {"city": "Paris"})


async def test_leaving_a_stream_early_closes_the_request(session: Session, mock: Any) -> None:
    """The provider stops being paid for what nobody reads; what came is settled."""
    mock.reply("word " * 400).pace(5)
    handle: Any = await call(session, "llm", "stream", ["Talk"])
    await call(session, handle.id, "next", [1])
    await session.handles.release(handle.id)
    request = await asyncio.to_thread(lambda: mock.last_request)
    assert not request.completed
    assert session.ledger.reserved_usd == 0
    assert session.ledger.usage.cost_usd > 0


async def test_half_a_stream_is_an_error(session: Session, mock: Any) -> None:
    """Litellm would say that the model stopped; the pieces before the end are delivered."""
    mock.reply("one two three").truncate(after_chunks=3)
    handle: Any = await call(session, "llm", "stream", ["Count"])
    texts: list[str] = []
    with pytest.raises(BadResponseError, match="without a finish reason"):
        await _collect(session, handle.id, texts)
    assert "".join(texts) == "one two "
    assert session.ledger.reserved_usd == 0


async def test_a_dropped_connection_is_a_network_error(pull: Any, mock: Any) -> None:
    """It may be tried again."""
    mock.disconnect(after_chunks=2)
    with pytest.raises(NetworkError, match="broke off in the middle of") as caught:
        await pull("Hi")
    assert caught.value.retryable


async def test_garbage_in_a_stream_is_a_bad_response(pull: Any, mock: Any) -> None:
    """A piece that is not JSON ends it."""
    mock.corrupt(after_chunks=2)
    with pytest.raises(BadResponseError, match="not an answer"):
        await pull("Hi")


async def test_a_stream_that_stalls_runs_into_its_time_out(pull: Any, mock: Any) -> None:
    """The time between two pieces is bounded, not only the time to the first."""
    mock.stall(after_chunks=2, seconds=4)
    with pytest.raises(NetworkError, match=r"within 0.3 s"):
        await pull("Hi", {"timeout_s": 0.3})


async def test_an_error_before_the_first_piece_is_the_streams(pull: Any, mock: Any) -> None:
    """A refused stream raises when it is read, and makes one request."""
    mock.rate_limit(retry_after=3, times=None)
    with pytest.raises(RateLimitError):
        await pull("Hi")
    assert len(mock.requests) == 1


async def _collect(session: Session, number: int, texts: list[str]) -> None:
    done = False
    while not done:
        batch: Any = await call(session, number, "next", [64])
        texts += batch["items"]
        done = batch["done"]
