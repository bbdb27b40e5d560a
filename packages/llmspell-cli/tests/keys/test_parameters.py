"""Whatever parameter a spell names, wherever it puts it: price, endpoint, key and headers stay."""

from __future__ import annotations

import inspect
import socket
import sys
from contextlib import asynccontextmanager
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core import Budget, Runtime

sys.path.insert(0, str(Path(__file__).parent))
from names import DANGEROUS, collected
from server import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from server import Server

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]

KEY = "sk-canary-0f1e2d3c4b5a69788796a5b4c3d2e1f0"
LUA = """
local out, passed = {}, 0
for i, case in ipairs(params.cases) do
    local done, error = pcall(function()
        local answer = llm[case.method](case.args)
        if case.method == "stream" then for _ in answer do end end
    end)
    out[i] = done and {} or {kind = type(error) == "table" and error.kind or "lua",
        message = tostring(error)}
    passed = passed + (done and 1 or 0)
    if passed > params.most then break end
end
return out
"""
JAVASCRIPT = """
const out = [];
let passed = 0;
for (const {method, args} of params.cases) {
    if (passed > params.most) break;
    try {
        const answer = llm[method](args);
        if (method === "stream") { for await (const _ of answer) {} } else { await answer; }
        out.push({});
        passed++;
    } catch (error) {
        out.push({kind: error.kind ?? "js", message: String(error.message)});
    }
}
return out;
"""
SCRIPTS = {"lua": LUA, "javascript": JAVASCRIPT}
MESSAGE = {"role": "user", "content": "Hi"}
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(28)
REQUESTS: dict[str, dict[str, Any]] = {
    "complete": {"prompt": "Hi"},
    "stream": {"prompt": "Hi"},
    "embed": {"input": "Hi"},
    "images": {"prompt": "An owl", "model": "openai/gpt-image-1"},
    "speech": {"text": "Hi", "model": "openai/tts-1"},
    "transcription": {"audio": WAV, "model": "openai/whisper-1"},
    "moderation": {"text": "Hi"},
    "rerank": {"query": "Hi", "documents": ["owls"], "model": "cohere/rerank-v3.5"},
}
TOOL = {"name": "t", "parameters": {}}
FUNCTION = {"name": "t", "parameters": {}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
CALL = {"id": "1", "name": "t", "arguments": {}}
NESTED: dict[str, tuple[dict[str, Any], tuple[str | int, ...]]] = {
    "message": ({"messages": [MESSAGE]}, ("messages", 0)),
    "text part": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]},
        ("messages", 0, "content", 0),
    ),
    "image part": (
        {"messages": [{"role": "user", "content": [IMAGE]}]},
        ("messages", 0, "content", 0),
    ),
    "image": (
        {"messages": [{"role": "user", "content": [IMAGE]}]},
        ("messages", 0, "content", 0, "image_url"),
    ),
    "tool call": (
        {"messages": [{"role": "assistant", "tool_calls": [CALL]}]},
        ("messages", 0, "tool_calls", 0),
    ),
    "tool": ({"prompt": "Hi", "tools": [TOOL]}, ("tools", 0)),
    "function": ({"prompt": "Hi", "tools": [{"function": FUNCTION}]}, ("tools", 0, "function")),
    "format": ({"prompt": "Hi", "response_format": {"type": "text"}}, ("response_format",)),
    "json schema": (
        {
            "prompt": "Hi",
            "response_format": {"type": "json_schema", "json_schema": {"schema": {}}},
        },
        ("response_format", "json_schema"),
    ),
    "retry": ({"prompt": "Hi", "retry": {"max_attempts": 1}}, ("retry",)),
    "cache": ({"prompt": "Hi", "cache": {"ttl_s": 1}}, ("cache",)),
}
FREE: dict[str, tuple[dict[str, Any], tuple[str | int, ...]]] = {
    "metadata": ({"messages": [{**MESSAGE, "metadata": {}}]}, ("messages", 0, "metadata")),
    "parameters": ({"prompt": "Hi", "tools": [TOOL]}, ("tools", 0, "parameters")),
    "arguments": (
        {"messages": [{"role": "assistant", "tool_calls": [CALL]}, MESSAGE]},
        ("messages", 0, "tool_calls", 0, "arguments"),
    ),
    "schema": ({"prompt": "Hi", "schema": {}}, ("schema",)),
}
BODY = {
    *("model", "messages", "stream", "stream_options", "max_tokens", "temperature", "top_p"),
    *("stop", "seed", "presence_penalty", "frequency_penalty", "tools", "tool_choice"),
    *("response_format", "reasoning_effort", "input", "encoding_format", "dimensions", "prompt"),
    *("n", "size", "quality", "style", "voice", "speed", "instructions", "file", "language"),
    *("timestamp_granularities[]", "query", "documents", "top_n", "return_documents"),
    *("timestamp_granularities",),
}
"""What of a request may reach a provider."""
HEADERS = {
    *("host", "accept", "accept-encoding", "connection", "content-length", "content-type"),
    *("user-agent", "authorization", "x-stainless-lang", "x-stainless-package-version"),
    *("x-stainless-os", "x-stainless-arch", "x-stainless-runtime", "x-stainless-runtime-version"),
    *("x-stainless-async", "x-stainless-retry-count", "x-stainless-read-timeout", "cookie"),
    *("x-stainless-raw-response", "request-source"),
}


class World:
    """The provider that the host has set up, one that nobody has, and all that is looked up."""

    def __init__(self, good: Server, evil: Server, looked_up: list[str]) -> None:
        self.good = good
        self.evil = evil
        self.looked_up = looked_up

    def runtime(self) -> Runtime:
        """Make a runtime with the provider as `openai` and `cohere`, at a price."""
        here = {"base_url": f"{self.good.address}/v1", "api_key": KEY}
        there = {"base_url": f"{self.good.address}/v1/rerank", "api_key": KEY}
        llm = {
            "default_model": "openai/gpt-4o",
            "default_embedding_model": "openai/text-embedding-3-small",
            "providers": {"openai": here, "cohere": there},
            "prices": {"openai/gpt-4o": {"input_usd": 10, "output_usd": 20}},
        }
        return Runtime(settings={"llm": llm}, budget=Budget.unlimited())

    def unchanged(self) -> None:
        """Check that the requests went where the host sends them, with its key and nothing else."""
        assert self.evil.seen == []
        assert {str(host) for host in self.looked_up} <= {"127.0.0.1", "b'127.0.0.1'"}
        for seen in self.good.seen:
            assert seen.path.startswith("/v1/"), seen.path
            assert "?" not in seen.path
            assert seen.headers["authorization"].lower() == f"bearer {KEY}"
            assert set(seen.headers) <= HEADERS, seen.headers
            assert "evil" not in str(seen.headers)
            if isinstance(seen.body, dict):
                assert set(seen.body) <= BODY, seen.body


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """Two servers, and nothing but this machine to be found."""
    looked_up: list[str] = []
    real = socket.getaddrinfo

    def look_up(host: Any, *more: Any, **named: Any) -> Any:
        looked_up.append(str(host))
        if host in ("127.0.0.1", b"127.0.0.1"):
            return real(host, *more, **named)
        raise socket.gaierror(socket.EAI_NONAME, "nobody knows")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    async with serving() as good, serving() as evil:
        yield World(good, evil, looked_up)


@asynccontextmanager
async def _untouched(litellm: Any) -> AsyncIterator[None]:
    """Check that the prices and the settings of litellm are afterwards what they were."""
    prices, settings = deepcopy(litellm.model_cost), _settings(litellm)
    yield
    assert litellm.model_cost == prices
    assert _settings(litellm) == settings


def _settings(litellm: Any) -> dict[str, str]:
    plain = (bool, int, float, str, list, dict, tuple, set, type(None))
    return {
        name: repr(value)
        for name, value in vars(litellm).items()
        if isinstance(value, plain) and not name.startswith("_") and name != "model_cost"
    }


def _evil(name: str, address: str) -> Any:
    """Choose what would do harm under a name."""
    if "cost" in name or name in ("n", "timeout", "max_retries", "num_retries"):
        return 0
    if "header" in name or name in ("extra_body", "extra_query", "metadata"):
        return {"Authorization": "Bearer evil", "api_base": address, "x-evil": "1"}
    if "key" in name or "token" in name or "secret" in name or "password" in name:
        return "sk-evil"
    if "callback" in name or name in ("fallbacks", "model_list"):
        return [{"model_name": "evil", "litellm_params": {"api_base": address}}]
    return address


def _placed(request: dict[str, Any], path: tuple[str | int, ...], name: str, value: Any) -> Any:
    made = deepcopy(request)
    place: Any = made
    for step in path:
        place = place[step]
    place[name] = value
    return made


async def _names() -> tuple[Any, list[str]]:
    from llmspell_bridges.llm.importing import litellm_ready

    litellm = await litellm_ready()
    return litellm, collected(litellm)


async def _run(
    world: World, language: str, cases: list[dict[str, Any]], most: int = 100_000
) -> list[dict[str, Any]]:
    """Make the calls; the spell gives up after `most` that were not refused."""
    params = {"cases": cases, "most": most}
    async with world.runtime() as runtime:
        result = await runtime.run(SCRIPTS[language], params, language=language)
    return list(result.value)


def _taken(method: str) -> set[str]:
    from llmspell_bridges.llm import LlmBridge

    return set(inspect.signature(getattr(LlmBridge, method)).parameters) - {"self", "ctx"}


@pytest.mark.parametrize("language", SCRIPTS)
async def test_no_parameter_of_litellms_is_passed_on(world: World, language: str) -> None:
    """Each is refused with an error that names it, in every method; or it is one of our own."""
    litellm, names = await _names()
    assert len(names) > 400
    cases = [
        {"method": method, "name": name, "args": {**request, name: _evil(name, world.evil.address)}}
        for method, request in REQUESTS.items()
        for name in names
        if name not in _taken(method)
    ]
    async with _untouched(litellm):
        outcomes = await _run(world, language, cases, most=0)
    for case, outcome in zip(cases, outcomes, strict=False):
        assert outcome.get("kind") == "validation", (case, outcome)
        assert f"`{case['name']}`" in outcome["message"], (case, outcome)
    assert len(outcomes) == len(cases)
    assert world.good.seen == []
    world.unchanged()


@pytest.mark.parametrize("language", SCRIPTS)
async def test_no_parameter_hides_in_a_part_of_a_request(world: World, language: str) -> None:
    """In a message, a part, a tool, a format, a policy: it is refused where it stands."""
    litellm, names = await _names()
    cases = []
    for where, (request, path) in NESTED.items():
        for name in names:
            args = _placed(request, path, name, _evil(name, world.evil.address))
            cases.append({"method": "complete", "name": name, "where": where, "args": args})
    async with _untouched(litellm):
        outcomes = await _run(world, language, cases, most=50)
    passed: dict[str, set[str]] = {}
    for case, outcome in zip(cases, outcomes, strict=False):
        if outcome.get("kind") != "validation" or case["name"] not in outcome["message"]:
            passed.setdefault(case["where"], set()).add(case["name"])
    # fields of the records themselves, whose values are texts and maps of the spell's own
    assert passed.pop("message", set()) <= {"name", "metadata", "tool_call_id"}
    assert passed.pop("text part", set()) <= {"text"}
    for where in ("tool", "function", "json schema"):
        assert passed.pop(where, set()) <= {"name", "description"}
    assert passed.pop("tool call", set()) <= {"id", "name", "arguments_text", "type"}
    assert passed == {}
    assert len(outcomes) == len(cases)
    world.unchanged()


@pytest.mark.parametrize("language", SCRIPTS)
async def test_maps_of_the_spells_own_change_nothing(world: World, language: str) -> None:
    """What takes any name (schemas, arguments, notes) goes to the provider as such, or nowhere."""
    litellm, _ = await _names()
    everything = {name: _evil(name, world.evil.address) for name in DANGEROUS}
    cases = []
    for request, path in FREE.values():
        args = deepcopy(request)
        for name, value in everything.items():
            args = _placed(args, path, name, value)
        cases += [{"method": "complete", "args": args}, {"method": "stream", "args": args}]
    refs = {"$ref": f"{world.evil.address}/schema.json"}
    cases += [
        {"method": "complete", "args": {"prompt": "Hi", "schema": refs}},
        {"method": "complete", "args": {"prompt": "Hi", "tools": [{**TOOL, "parameters": refs}]}},
        {"method": "complete", "args": {"prompt": "Hi", "schema": {"$schema": refs["$ref"]}}},
    ]
    async with _untouched(litellm):
        outcomes = await _run(world, language, cases)
    assert {outcome.get("kind") for outcome in outcomes} <= {None, "bad_response"}
    assert len(world.good.seen) == len(cases)
    assert not any("metadata" in it for seen in world.good.seen for it in seen.body["messages"])
    world.unchanged()


@pytest.mark.parametrize("language", SCRIPTS)
async def test_no_value_of_our_own_parameters_leads_elsewhere(world: World, language: str) -> None:
    """Each parameter that a method has gets an address, a map, a list: refused, or harmless."""
    litellm, _ = await _names()
    address = world.evil.address
    values: list[Any] = [address, {"api_base": address}, [address], {"url": address}, "\r\nx: y", 0]
    cases = [
        {"method": method, "args": {**request, name: value}}
        for method, request in REQUESTS.items()
        for name in sorted(_taken(method))
        for value in values
    ]
    async with _untouched(litellm):
        await _run(world, language, cases)
    assert world.good.seen
    world.unchanged()


def _tricks(address: str) -> list[str]:
    host = address.removeprefix("http://")
    return [
        *(f"openai/gpt-4o?api_base={address}", f"openai/gpt-4o#{address}", f"openai/{address}/m"),
        *(address, f"{address}/v1/m", f"huggingface/{address}", f"custom/{address}", f"//{host}/m"),
        *(f"custom/{host}/m", f"custom_openai/{host}/m", f"openai_like/{host}", f"azure/m@{host}"),
        *("azure/gpt-4o", "sagemaker/evil", f"bedrock/{host}", "bedrock/evil.example/m"),
        "bedrock/agentcore/arn:aws:bedrock-agentcore:evil.example/:123456789012:runtime/x",
        *("vertex_ai/evil", f"ollama_chat/{address}", f"litellm_proxy/{host}", "hosted_vllm/m"),
        *("lm_studio/m", "xinference/m", "ai21/j2", "aiohttp_openai/m", "petals/evil", "vllm/evil"),
        *("openai/../../evil", "openai/%2e%2e/evil", "openai/gpt-4o\nHost: evil", "openai/gpt 4o"),
        *("openai/gpt-4o\x00", "openai/", "/gpt-4o", "", " ", "langfuse/evil", "dotprompt/evil"),
        *(
            "groq/evil",
            "anthropic/claude-3-opus-20240229",
            "gemini/gemini-1.5-pro",
            "replicate/a/b",
        ),
        *("evil/m", "auto_router/evil", "langgraph/evil", "a2a/evil", "openai/" + "x" * 10_000),
        *(f"openai/x@{host}", f"openai/x:{host}/y", "local/../../etc/passwd", f"local/{address}"),
    ]


@pytest.mark.parametrize("language", SCRIPTS)
async def test_no_name_of_a_model_leads_elsewhere(world: World, language: str) -> None:
    """By itself, with a provider apart, as a fallback: only what the host has set up is asked."""
    litellm, _ = await _names()
    cases: list[dict[str, Any]] = []
    for name in _tricks(world.evil.address):
        provider, _, model = name.partition("/")
        for method, request in REQUESTS.items():
            cases.append({"method": method, "args": {**request, "model": name}})
        ways: list[dict[str, Any]] = [
            {"model": model, "provider": provider},
            {"model": "gpt-4o", "provider": name},
            {"model": {"model": name, "api_base": world.evil.address}},
            {"model": "anthropic/claude-3-opus-20240229", "fallbacks": [name]},
        ]
        cases += [{"method": "complete", "args": {"prompt": "Hi", **way}} for way in ways]
    async with _untouched(litellm):
        outcomes = await _run(world, language, cases)
    assert {outcome.get("kind") for outcome in outcomes} <= {
        *(None, "model_not_found", "authentication", "configuration", "validation"),
        *("provider", "bad_response", "network", "unsupported"),
    }
    world.unchanged()
