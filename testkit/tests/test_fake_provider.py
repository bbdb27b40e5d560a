"""The double of a provider: what it is told to answer, over real HTTP, and what it remembers."""

from __future__ import annotations

import http.client
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_testkit import (
    FakeProvider,
    Page,
    disconnect,
    failure,
    garbage,
    response,
    tool_call,
    vectors,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

CHAT = "/v1/chat/completions"


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    """A provider that nobody told anything."""
    with FakeProvider() as running:
        yield running


def send(
    provider: FakeProvider, path: str, body: Any = None, method: str = "POST"
) -> tuple[int, dict[str, str], str]:
    """Send one request; return status, headers and body."""
    connection = http.client.HTTPConnection(provider.address, timeout=10)
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None)
        answer = connection.getresponse()
        text = answer.read().decode()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, text
    finally:
        connection.close()


def ask(provider: FakeProvider, **more: Any) -> tuple[int, dict[str, str], str]:
    """Ask for a completion."""
    messages = [{"role": "user", "content": "Hi there"}]
    return send(provider, CHAT, {"model": "m", "messages": messages, **more})


def pieces(text: str) -> list[Any]:
    """Take the events of a stream."""
    return [line.removeprefix("data: ") for line in text.splitlines() if line]


def test_replies_are_given_in_order(provider: FakeProvider) -> None:
    """Each reply is given once, in order; a request that none foresees is refused."""
    provider.add(response("one"), response("two"))
    texts = [json.loads(ask(provider)[2])["choices"][0]["message"]["content"] for _ in range(2)]
    status, _, body = ask(provider)
    assert texts == ["one", "two"]
    assert status == 400
    assert "no reply left" in body


def test_a_default_answers_the_rest() -> None:
    """With a default nothing is refused."""
    with FakeProvider(default=response("again")) as provider:
        assert [ask(provider)[0] for _ in range(3)] == [200, 200, 200]


def test_a_reply_waits_for_its_model(provider: FakeProvider) -> None:
    """A reply for one model is left alone by requests for others."""
    provider.add(response("big", model="big"), response("any"))
    texts = [
        json.loads(ask(provider, model=model)[2])["choices"][0]["message"]["content"]
        for model in ("small", "big")
    ]
    assert texts == ["any", "big"]


def test_calls_of_tools(provider: FakeProvider) -> None:
    """A reply asks for tools as OpenAI's protocol does."""
    provider.add(response(tool_call("add", {"a": 1}, b=2)))
    choice = json.loads(ask(provider)[2])["choices"][0]
    function = choice["message"]["tool_calls"][0]["function"]
    assert function == {"name": "add", "arguments": '{"a":1,"b":2}'}
    assert choice["finish_reason"] == "tool_calls"


def test_a_stream_comes_word_by_word(provider: FakeProvider) -> None:
    """Each word is an event; then come the ending, the usage where it was asked for, and the end."""
    provider.add(response("one  two", tool_call("x")))
    *events, end = pieces(ask(provider, stream=True, stream_options={"include_usage": True})[2])
    loaded = [json.loads(event) for event in events]
    deltas = [event["choices"][0]["delta"] for event in loaded[:-1]]
    assert [delta.get("content") for delta in deltas] == ["one  ", "two", None, None]
    assert deltas[2]["tool_calls"][0]["function"]["name"] == "x"
    assert loaded[-1]["usage"]["total_tokens"] > 0
    assert end == "[DONE]"


def test_anthropics_protocol(provider: FakeProvider) -> None:
    """The same replies as Anthropic writes them, whole, as events, and refused."""
    provider.add(response("one two", tool_call("x", a=1)))
    provider.add(
        response("one two", tool_call("x", a=1)), failure(529, "busy"), disconnect(1, "a b")
    )
    body = {"model": "claude", "messages": [], "max_tokens": 9}
    whole = json.loads(send(provider, "/v1/messages", body)[2])
    assert [block["type"] for block in whole["content"]] == ["text", "tool_use"]
    assert (whole["content"][1]["input"], whole["stop_reason"]) == ({"a": 1}, "tool_use")
    streamed = send(provider, "/v1/messages", {**body, "stream": True})[2].split("\n\n")
    events = [json.loads(event.partition("data: ")[2]) for event in streamed if event]
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert [delta.get("text") or delta["partial_json"] for delta in deltas] == [
        "one ",
        "two",
        '{"a": 1}',
    ]
    assert events[-1]["type"] == "message_stop"
    status, _, text = send(provider, "/v1/messages", body)
    assert (status, json.loads(text)["error"]["message"]) == (529, "busy")
    with pytest.raises(http.client.IncompleteRead) as broken:
        send(provider, "/v1/messages", {**body, "stream": True})
    assert broken.value.partial.count(b"text_delta") == 1


def test_a_failure_has_status_and_header(provider: FakeProvider) -> None:
    """A refusal says how long to wait."""
    provider.add(failure(429, "slow down", retry_after_s=1.5))
    status, headers, body = ask(provider)
    assert (status, headers["retry-after"]) == (429, "1.5")
    assert json.loads(body)["error"]["message"] == "slow down"


def test_a_connection_breaks(provider: FakeProvider) -> None:
    """Before the answer, in the middle of it, and in the middle of a stream."""
    provider.add(disconnect(), disconnect(1, "a b c"), disconnect(2, "a b c"))
    with pytest.raises(http.client.RemoteDisconnected):
        ask(provider)
    with pytest.raises(http.client.IncompleteRead):
        ask(provider)
    with pytest.raises(http.client.IncompleteRead) as broken:
        ask(provider, stream=True)
    words = [json.loads(event) for event in pieces(broken.value.partial.decode())]
    assert [word["choices"][0]["delta"]["content"] for word in words] == ["a ", "b "]


def test_garbage_is_sent_as_it_is(provider: FakeProvider) -> None:
    """What is no answer comes with status 200."""
    provider.add(garbage("<html>"))
    assert ask(provider)[::2] == (200, "<html>")


def test_embeddings_depend_on_the_text(provider: FakeProvider) -> None:
    """The same text has the same vector; scripted ones come first, and completions leave them."""
    provider.add(vectors([1.0, 2.0]), response("text"))
    body = {"model": "e", "input": ["a", "b", "a"], "dimensions": 3}
    assert ask(provider)[0] == 200
    first = json.loads(send(provider, "/v1/embeddings", body)[2])
    second = json.loads(send(provider, "/v1/embeddings", body)[2])
    rows = [row["embedding"] for row in second["data"]]
    assert first["data"][0]["embedding"] == [1.0, 2.0]
    assert rows[0] == rows[2] != rows[1]
    assert len(rows[0]) == 3


def test_models_pages_and_nothing() -> None:
    """The list of models, a page by its path, and 404 elsewhere."""
    pages = {"/owls": Page(text="hoot", status=418, headers={"X-Owl": "1"})}
    with FakeProvider(pages=pages, models=["m"]) as provider:
        assert json.loads(send(provider, "/v1/models", method="GET")[2])["data"][0]["id"] == "m"
        status, headers, text = send(provider, "/owls?x=1", method="GET")
        assert (status, headers["x-owl"], text) == (418, "1", "hoot")
        assert send(provider, "/nowhere", method="GET")[0] == 404


def test_requests_are_remembered(provider: FakeProvider) -> None:
    """Method, path, headers and body of each request are there, in order; `reset` forgets them."""
    provider.add(response("x"))
    ask(provider)
    send(provider, "/x?y=1", method="GET")
    seen = [(request.method, request.path) for request in provider.requests]
    assert seen == [("POST", CHAT), ("GET", "/x?y=1")]
    assert provider.bodies[0]["messages"][0]["content"] == "Hi there"
    assert provider.requests[0].headers["host"] == provider.address
    assert provider.reset().requests == []


def test_leaving_ends_what_waits() -> None:
    """An answer that waits for an hour, and an idle connection, do not hold up the end."""
    before = set(threading.enumerate())
    with FakeProvider([response("late", latency_s=3600)]) as provider:
        waiting = http.client.HTTPConnection(provider.address, timeout=10)
        waiting.request("POST", CHAT, json.dumps({"model": "m"}))
        idle = http.client.HTTPConnection(provider.address, timeout=10)
        idle.request("GET", "/v1/models")
        idle.getresponse().read()
    assert set(threading.enumerate()) == before
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        waiting.getresponse()
    waiting.close()
    idle.close()
