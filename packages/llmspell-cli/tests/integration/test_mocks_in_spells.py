"""The testkit's stand-ins, met by real spells in both languages."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llmspell_core import RateLimitError
from llmspell_testkit import (
    Items,
    MockBridge,
    MockLLMClient,
    ScriptSet,
    TestEnvironment,
    assert_round_trip,
    assert_same_in_every_engine,
    failure,
    load_cases,
    response,
    tool_call,
)


def test_a_mock_bridge_is_called_alike() -> None:
    """Answers, streams and the arguments in the log are the same from every language."""
    search = MockBridge("search", {"find": {"hits": [1, None]}, "all": Items("a", "b")})
    scripts = ScriptSet(
        lua="""
            local seen = {}
            for item in search.all() do seen[#seen + 1] = item end
            return {search.find("owls", {most = 3}), seen}
        """,
        javascript="""
            const seen = [];
            for await (const item of search.all()) seen.push(item);
            return [await search.find("owls", {most: 3}), seen];
        """,
    )
    value = assert_same_in_every_engine(scripts, bridges=[search])
    assert value == [{"hits": [1, None]}, ["a", "b"]]
    assert search.calls_of("find") == [("owls", {"most": 3})] * 2


def test_a_mock_model_answers_alike() -> None:
    """A spell that asks a model runs on the mock, which knows what it was asked."""
    client = MockLLMClient(default=response("Hello you", tool_call("add", a=1)))
    scripts = ScriptSet(
        lua='local a = llm.complete{prompt = "Hi", model = "m"} return {a.content, a.tool_calls, a.model}',
        javascript='const a = await llm.complete({prompt: "Hi", model: "m"}); return [a.content, a.tool_calls, a.model]',
    )
    value = assert_same_in_every_engine(scripts, bridges=[client.bridge()])
    assert value == ["Hello you", [{"name": "add", "arguments": {"a": 1}}], "m"]
    assert [(it.prompt, it.options) for it in client.call_log] == [("Hi", {"model": "m"})] * 2


def test_the_same_failure_is_raised() -> None:
    """A refusal of the mock ends both spells with its error."""
    client = MockLLMClient(default=failure(429, retry_after_s=2))
    scripts = ScriptSet(lua='llm.complete("Hi")', javascript='await llm.complete("Hi")')
    with pytest.raises(RateLimitError):
        assert_same_in_every_engine(scripts, bridges=[client.bridge()])


def test_scripts_that_differ_are_caught() -> None:
    """Engines that do not agree are named, with the difference."""
    with pytest.raises(AssertionError, match=r"differ .*\n  (int 1 ≠ int 2|int 2 ≠ int 1)"):
        assert_same_in_every_engine(ScriptSet(lua="return 1", javascript="return 2"))


def test_a_case_holds_in_every_engine() -> None:
    """One of the contract's cases, with its probe, is met by all that is installed."""
    assert assert_same_in_every_engine(load_cases()["calls-add"]) == 3


@pytest.mark.parametrize("value", [{"a": [1, 2**60, -0.0, "ü\0", None]}, [], {}, None, "x" * 9999])
def test_values_come_back(value: Any) -> None:
    """A value is the same after its way through both engines."""
    assert_round_trip(value)


def test_an_engine_of_the_environment() -> None:
    """An engine that the environment starts runs a file that it wrote."""

    async def run() -> object:
        with TestEnvironment() as env:
            file = env.create_script_file("deep/hello.lua", "return params.who")
            async with env.create_engine("lua", spares=0) as engine:
                return await engine.execute_file(file, {"who": "Ada"})

    assert asyncio.run(run()) == "Ada"
