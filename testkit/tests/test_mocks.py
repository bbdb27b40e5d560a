"""The mocks: what they answer, what they remember, how they fail."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llmspell_core import (
    NetworkError,
    RateLimitError,
    Runtime,
    ScriptRuntimeError,
    Session,
    ToolError,
    ValidationError,
)
from llmspell_core.dispatch import call
from llmspell_testkit import (
    BridgeCall,
    Execution,
    InTurn,
    Items,
    MockBridge,
    MockEngine,
    MockLLMClient,
    bridge_call,
    disconnect,
    failure,
    response,
    tool_call,
)


def answer(bridge: Any, method: str, *args: Any) -> Any:
    """Call a method as a script does."""

    async def run() -> Any:
        session = Session(bridges={bridge.name: bridge})
        try:
            return await call(session, bridge.name, method, list(args))
        finally:
            await session.close()

    return asyncio.run(run())


def items(bridge: Any, method: str, *args: Any) -> list[Any]:
    """Read a stream as a script does."""

    async def run() -> list[Any]:
        session = Session(bridges={bridge.name: bridge})
        try:
            stream: Any = await call(session, bridge.name, method, list(args))
            found, done = [], False
            while not done:
                batch: Any = await call(session, stream.id, "next", [])
                found, done = found + batch["items"], batch["done"]
            return found
        finally:
            await session.close()

    return asyncio.run(run())


def test_a_mock_bridge_answers_and_remembers() -> None:
    """A method gives its answer, and the call is in the log with what was given."""
    search = MockBridge("search", {"find": ["a"]})
    assert answer(search, "find", "x", {"most": 3}) == ["a"]
    assert search.calls == [BridgeCall("find", ("x", {"most": 3}))]
    assert search.was_called("find")
    assert search.calls_of("find") == [("x", {"most": 3})]


def test_an_exception_is_raised() -> None:
    """A method that stands for an exception fails with it."""
    with pytest.raises(ToolError, match="full"):
        answer(MockBridge("search", {"index": ToolError("it is full")}), "index")


def test_answers_in_turn_and_functions() -> None:
    """`InTurn` gives one after the other, the last one stays; functions are called, and awaited."""

    async def doubled(value: int) -> int:
        return value * 2

    bridge = MockBridge("b", {"n": InTurn(1, ToolError("no"), 3), "double": doubled})
    assert answer(bridge, "n") == 1
    with pytest.raises(ToolError):
        answer(bridge, "n")
    assert [answer(bridge, "n"), answer(bridge, "n"), answer(bridge, "double", 4)] == [3, 3, 8]


def test_a_stream_gives_items_and_breaks() -> None:
    """`Items` make a method a stream; an exception among them breaks it there."""
    bridge = MockBridge("b", {"all": Items(1, 2), "broken": Items(1, NetworkError("gone"))})
    assert items(bridge, "all") == [1, 2]
    with pytest.raises(NetworkError, match="gone"):
        items(bridge, "broken")


def test_an_unknown_method_is_an_error() -> None:
    """A mock has the methods it was told of, and no others; two mocks share nothing."""
    one, two = MockBridge("one", {"find": 1}), MockBridge("two", {"index": 2})
    with pytest.raises(ValidationError, match="did you mean `find`"):
        answer(one, "fnd")
    assert list(type(two).manifest()["methods"]) == ["index"]


def run(engine: type[MockEngine], script: str, **options: Any) -> Any:
    """Run one script of a mock engine, with a bridge that adds."""
    bridge = MockBridge("sums", {"add": lambda a, b: a + b})

    async def work() -> Any:
        async with Runtime(engines=[engine], bridges=[bridge], isolation="inproc") as runtime:
            return (await runtime.run(script, language="mock", **options)).value

    return asyncio.run(work())


def test_a_mock_engine_answers_and_remembers() -> None:
    """A script gives its answer; script and parameters are in the log of its class."""
    engine = MockEngine.scripted({"two": 2})
    assert run(engine, "two", params={"a": 1}) == 2
    assert engine.log == [Execution(script="two", params={"a": 1})]
    assert MockEngine.log == []


def test_a_mock_engine_calls_bridges() -> None:
    """A script's calls reach the bridges, in order; the last answer is the result."""
    engine = MockEngine.scripted(
        {"sum": [bridge_call("sums", "add", 1, 2), bridge_call("sums", "add", 3, 4)]}
    )
    assert run(engine, "sum") == 7


def test_a_mock_engine_computes_and_fails() -> None:
    """Functions are called with parameters and session, exceptions raised; the rest is unknown."""

    async def named(params: dict[str, Any], session: Session) -> str:
        return f"{params['who']} {session.name}"

    engine = MockEngine.scripted({"who": named, "bad": ScriptRuntimeError("boom"), "no": []})
    assert run(engine, "who", params={"who": "Ada"}) == "Ada spell.mock"
    assert run(engine, "no") == []
    with pytest.raises(ScriptRuntimeError, match="boom"):
        run(engine, "bad")
    with pytest.raises(ScriptRuntimeError, match="told nothing of the script 'x'; known: 'who'"):
        run(engine, "x")


def test_a_mock_model_answers_and_remembers() -> None:
    """Replies come in order, with their fields; what was asked is in the log."""
    client = MockLLMClient([response("Hello you"), response(tool_call("add", a=1))])
    text = asyncio.run(client.complete("Hi", model="m"))
    calls = asyncio.run(client.complete("Hi")).fields["tool_calls"]
    assert (text, text.fields["model"]) == ("Hello you", "m")
    assert calls == [{"name": "add", "arguments": {"a": 1}}]
    assert [(it.method, it.prompt, it.options) for it in client.call_log] == [
        ("complete", "Hi", {"model": "m"}),
        ("complete", "Hi", {}),
    ]


def test_a_mock_model_fails_as_a_provider_does() -> None:
    """A status becomes the error that it means, a broken connection a network error."""
    client = MockLLMClient([failure(429, retry_after_s=3), disconnect()])
    with pytest.raises(RateLimitError) as slow:
        asyncio.run(client.complete("Hi"))
    assert slow.value.retry_after_s == 3
    with pytest.raises(NetworkError):
        asyncio.run(client.complete("Hi"))


def test_a_mock_model_is_a_bridge() -> None:
    """A spell calls it as `llm`, with named and with positional arguments."""
    client = MockLLMClient([response("one"), response("two"), response("a b")])
    bridge = client.bridge()
    assert answer(bridge, "complete", {"prompt": "Hi", "model": "m"}) == "one"
    assert answer(bridge, "complete", "Hi", {"temperature": 0}) == "two"
    assert items(bridge, "stream", "Hi") == ["a ", "b"]
    assert len(answer(bridge, "embed", "text")["vectors"]) == 1
    prompts = [(it.prompt, it.options) for it in client.call_log]
    assert prompts == [
        ("Hi", {"model": "m"}),
        ("Hi", {"temperature": 0}),
        ("Hi", {}),
        ("text", {}),
    ]
