"""Every way in which a provider fails is an error of the tree, after exactly one request."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from llmspell_bridges.llm import LlmBridge
from llmspell_bridges.llm.errors import retry_after_s
from llmspell_core import (
    AuthenticationError,
    BadResponseError,
    ConfigurationError,
    ContextWindowError,
    LlmspellError,
    ModelNotFoundError,
    NetworkError,
    ProviderError,
    RateLimitError,
    Session,
    UnsupportedError,
)
from llmspell_core.dispatch import call

pytestmark = pytest.mark.anyio
KEY = "sk-test-0123456789abcdef"
GARBAGE = [
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 6\r\n\r\n<html>",
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n[1]",
    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{"choices":[]}',
]


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, ProviderError, False),
        (401, AuthenticationError, False),
        (403, AuthenticationError, False),
        (404, ModelNotFoundError, False),
        (413, ProviderError, False),
        (422, ProviderError, False),
        (429, RateLimitError, True),
        (500, ProviderError, True),
        (503, ProviderError, True),
        (529, ProviderError, True),
    ],
)
async def test_a_status_is_an_error_of_its_kind(
    ask: Any, mock: Any, status: int, kind: type[ProviderError], *, retryable: bool
) -> None:
    """It names provider and model, keeps the status, and nothing was tried a second time."""
    mock.fail(status, times=None)
    with pytest.raises(ProviderError) as caught:
        await ask("complete", "Hi")
    assert type(caught.value) is kind
    assert caught.value.retryable is retryable
    assert (caught.value.provider, caught.value.model) == ("openai", "openai/gpt-4o")
    assert caught.value.status_code == status
    assert "openai" in caught.value.message
    assert "litellm" not in caught.value.message
    assert len(mock.requests) == 1


async def test_a_rate_limit_says_how_long_to_wait(ask: Any, mock: Any) -> None:
    """Retry-After becomes `retry_after_s`."""
    mock.rate_limit(retry_after=7, times=None)
    with pytest.raises(RateLimitError, match="wait 7 s") as caught:
        await ask("complete", "Hi")
    assert caught.value.retry_after_s == 7


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "2.5"}, 2.5),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], seconds: float | None) -> None:
    """A date in the past is no wait; nonsense is no information."""
    assert retry_after_s(headers) == seconds


async def test_a_request_longer_than_the_context_is_its_own_kind(ask: Any, mock: Any) -> None:
    """A spell can shorten it, and ask again."""
    mock.context_overflow()
    with pytest.raises(ContextWindowError, match="send less"):
        await ask("complete", "Hi")


@pytest.mark.parametrize("answer", GARBAGE)
@pytest.mark.parametrize("method", ["complete", "stream"])
async def test_an_answer_that_is_none_is_a_bad_response(
    bridge: LlmBridge, raw_server: Any, answer: bytes, method: str
) -> None:
    """HTML, nothing, a list, no choices: whole or as a stream."""
    address = await raw_server(answer)
    with pytest.raises(BadResponseError):
        await _ask_at(address, method)


async def test_a_connection_that_closes_without_an_answer_is_a_network_error(
    bridge: LlmBridge, raw_server: Any
) -> None:
    """Nothing at all is not an answer either, and may be tried again."""
    with pytest.raises(NetworkError):
        await _ask_at(await raw_server(b""), "complete")


async def test_a_refused_connection_is_a_network_error(bridge: LlmBridge) -> None:
    """Litellm calls it an internal server error; nothing was spent."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(NetworkError, match="address is right"):
        await _ask_at(f"http://127.0.0.1:{port}/v1", "complete")


async def _ask_at(address: str, method: str) -> None:
    settings = {"providers": {"openai": {"base_url": address, "api_key": KEY}}}
    session = Session(bridges={"llm": LlmBridge.from_settings(settings)})
    try:
        answer: Any = await call(session, "llm", method, ["Hi", {"model": "openai/gpt-4o"}])
        if method == "stream":
            while not (await call(session, answer.id, "next", []))["done"]:  # type: ignore[index,call-overload] # the protocol's record
                pass
    finally:
        assert session.ledger.reserved_usd == 0
        await session.close()


async def test_a_slow_provider_runs_into_the_time_out(ask: Any, mock: Any) -> None:
    """One request, no hidden retries: the error comes when the time is over."""
    mock.delay(4, times=None)
    started = asyncio.get_running_loop().time()
    with pytest.raises(NetworkError, match=r"did not answer within 0.3 s; give .* `timeout_s`"):
        await ask("complete", "Hi", {"timeout_s": 0.3})
    assert asyncio.get_running_loop().time() - started < 2


async def test_cancelling_a_call_closes_its_request(bridge: LlmBridge) -> None:
    """The provider sees the connection end; the prompt is charged, the reservation is gone."""
    asked, hung_up = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()  # to the end: until the other side closes
        hung_up.set()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    settings = {
        "providers": {"openai": {"base_url": address, "api_key": KEY}},
        "prices": {"openai/gpt-4o": {"input_usd": 10, "output_usd": 20}},
    }
    session = Session(bridges={"llm": LlmBridge.from_settings(settings)})
    task = asyncio.create_task(call(session, "llm", "complete", ["Hi", {"model": "openai/gpt-4o"}]))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5):
        await hung_up.wait()
    assert session.ledger.reserved_usd == 0
    assert session.ledger.usage.cost_usd > 0
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("gpt-4x", "unknown model `gpt-4x`; did you mean `gpt-4`"),
        (
            "opnai/gpt-4",
            "unknown provider `opnai` in the model `opnai/gpt-4`; did you mean `openai/",
        ),
        ("local/smollm3", "smollm2"),
        ("huggingface/https://evil.example/x", "no model is named"),
        ("openai/../../admin", "no model is named"),
        ("x" * 100_000, "no model is named"),
        ("", "no model is named"),
    ],
)
async def test_a_model_that_does_not_exist_is_named(
    ask: Any, mock: Any, model: str, message: str
) -> None:
    """With the nearest names where there are some; nothing is sent."""
    with pytest.raises(ModelNotFoundError) as caught:
        await ask("complete", "Hi", {"model": model})
    assert message in str(caught.value)
    assert mock.requests == []


@pytest.mark.parametrize("value", [None, "", "  "])
async def test_a_missing_key_names_its_variable(
    ask: Any, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    """Before any request; an empty key is none."""
    if value is not None:
        monkeypatch.setenv("ANTHROPIC_API_KEY", value)
    with pytest.raises(AuthenticationError, match="ANTHROPIC_API_KEY") as caught:
        await ask("complete", "Hi", {"provider": "anthropic", "model": "claude-3-opus"})
    assert caught.value.model == "anthropic/claude-3-opus-20240229"


async def test_a_provider_that_wants_a_login_is_refused(ask: Any) -> None:
    """No browser opens because a spell named a model."""
    with pytest.raises(AuthenticationError):
        await ask("complete", "Hi", {"model": "github_copilot/gpt-4o"})


async def test_a_wrong_key_is_not_repeated_in_the_error(ask: Any, mock: Any) -> None:
    """The provider's own words are kept, the key in them is not."""
    mock.fail(401, message=f"Incorrect API key provided: {KEY}.", times=None)
    with pytest.raises(AuthenticationError, match="Incorrect API key provided") as caught:
        await ask("complete", "Hi")
    assert KEY not in str(caught.value)
    assert KEY not in repr(caught.value.details)


async def test_a_parameter_that_the_model_lacks_is_unsupported(ask: Any, mock: Any) -> None:
    """It is not dropped in silence."""
    with pytest.raises(UnsupportedError, match="response_format"):
        await ask("complete", "Hi", {"model": "openai/gpt-4", "schema": {"type": "object"}})
    assert mock.requests == []


async def test_json_that_is_none_is_a_bad_response(ask: Any, mock: Any) -> None:
    """The text is in the error's details, to be shown."""
    mock.reply("Certainly! Here is")
    with pytest.raises(BadResponseError, match="not the JSON") as caught:
        await ask("complete", "Hi", {"schema": {"type": "object"}})
    assert caught.value.details["text"] == "Certainly! Here is"


@pytest.mark.parametrize(
    ("settings_data", "message"),
    [
        ({"defualt_model": "x"}, "defualt_model"),
        ({"providers": {"openai": {"timeout_s": "x"}}}, r"providers\[\.\.\.\]\.timeout_s"),
    ],
)
def test_a_wrong_setting_is_named(settings_data: dict[str, Any], message: str) -> None:
    """The host's own mistakes have a key as well."""
    with pytest.raises(ConfigurationError, match=message):
        LlmBridge.from_settings(settings_data)


def test_settings_do_not_show_their_keys() -> None:
    """A key is not part of what a log would show of them."""
    bridge = LlmBridge.from_settings({"providers": {"openai": {"api_key": KEY}}})
    assert KEY not in repr(bridge.settings)


async def test_an_alias_that_leads_to_itself_is_named(mock: Any) -> None:
    """Instead of going round for ever."""
    bridge = LlmBridge.from_settings({"aliases": {"a": "b", "b": "a"}})
    session = Session(bridges={"llm": bridge})
    with pytest.raises(LlmspellError, match="a → b → a"):
        await call(session, "llm", "complete", ["Hi", {"model": "a"}])
