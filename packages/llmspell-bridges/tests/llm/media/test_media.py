"""Images, speech and transcription over real HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llmspell_core import (
    AuthenticationError,
    BadResponseError,
    Budget,
    BudgetError,
    ConfigurationError,
    Ledger,
    PermissionDeniedError,
    Permissions,
    ProviderError,
    RateLimitError,
    ValidationError,
)
from llmspell_core.dispatch import call

pytestmark = pytest.mark.anyio
IMAGE = {"model": "openai/gpt-image-1"}
SPEECH = {"model": "openai/tts-1"}
SOUND = {"model": "openai/whisper-1"}
CALLS = [
    ("images", ["An owl", IMAGE]),
    ("speech", ["Good morning", SPEECH]),
    ("transcription", [b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(28), SOUND]),
    ("moderation", ["I will find you"]),
    ("rerank", ["birds", ["cars", "owls"], {"model": "cohere/rerank-v3.5"}]),
]


async def test_an_image_by_address(ask: Any, provider: Any) -> None:
    """What was asked for is sent; the address comes back, for the first image at the top too."""
    wish = {**IMAGE, "count": 1, "size": "1024x1024", "quality": "high"}
    answer = await ask("images", "An owl", wish)
    assert answer["images"] == [{"url": "https://img.example/1.png"}]
    assert answer["url"] == "https://img.example/1.png"
    assert (answer["model"], answer["cost_usd"]) == ("openai/gpt-image-1", 0)
    path, body = provider.requests[0]
    assert path == "images/generations"
    assert (body["prompt"], body["model"], body["n"]) == ("An owl", "gpt-image-1", 1)
    assert (body["size"], body["quality"]) == ("1024x1024", "high")


async def test_images_as_bytes_with_their_type(ask: Any, provider: Any, png: bytes) -> None:
    """Base64 is undone, and the type is what the bytes are."""
    provider.image(png, b"\xff\xd8\xff\xe0 a photo")
    first, second = (await ask("images", "Two owls", {**IMAGE, "count": 2}))["images"]
    assert (first["data"], first["mime_type"]) == (png, "image/png")
    assert second["mime_type"] == "image/jpeg"


async def test_images_too_large_for_a_message_are_an_error(ask: Any, provider: Any) -> None:
    """It says how large they are, and what to ask for instead."""
    provider.image(bytes(9 * 1024 * 1024), bytes(9 * 1024 * 1024))
    with pytest.raises(BadResponseError, match=r"18,874,368 bytes.*16 MiB.*by `url`") as caught:
        await ask("images", "Large owls", IMAGE)
    assert not caught.value.retryable


async def test_speech_is_bytes_and_a_type(ask: Any, provider: Any) -> None:
    """Voice, format and speed are sent under the provider's names."""
    wish = {**SPEECH, "form": "mp3", "speed": 1.5}
    answer = await ask("speech", "Good morning", "nova", wish)
    assert (answer["data"], answer["mime_type"]) == (b"ID3 a sound", "audio/mpeg")
    _, body = provider.requests[0]
    assert (body["input"], body["voice"]) == ("Good morning", "nova")
    assert (body["response_format"], body["speed"]) == ("mp3", 1.5)


@pytest.mark.parametrize("answer", [(b"", "audio/mpeg"), (b"<html>", "text/html")])
async def test_speech_that_is_none_is_a_bad_response(ask: Any, provider: Any, answer: Any) -> None:
    """Nothing, or a page, is not handed out as a sound."""
    provider.answers["audio/speech"] = answer
    with pytest.raises(BadResponseError, match="not an answer"):
        await ask("speech", "Hi", SPEECH)


async def test_a_transcription_is_a_text_with_fields(ask: Any, provider: Any, wav: bytes) -> None:
    """The sound arrives whole, with a name and a type that the provider goes by."""
    provider.answers["audio/transcriptions"] = {
        "text": "Hello there",
        "language": "english",
        "duration": 2.5,
        "segments": [{"id": 0, "start": 0.0, "end": 2.5, "text": "Hello there"}],
    }
    wish = {**SOUND, "language": "en", "prompt": "Obi-Wan", "timestamps": "segment"}
    answer = await ask("transcription", wav, wish)
    assert answer == "Hello there"
    fields = answer.fields
    assert (fields["language"], fields["duration_s"]) == ("english", 2.5)
    assert fields["segments"] == [{"start_s": 0.0, "end_s": 2.5, "text": "Hello there"}]
    assert fields["model"] == "openai/whisper-1"
    _, body = provider.requests[0]
    assert body["file"] == ("audio.wav", wav, "audio/wav")
    assert (body["language"], body["prompt"]) == ("en", "Obi-Wan")
    assert body["response_format"] == "verbose_json"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([bytes(17 * 1024 * 1024)], r"17,825,792 bytes.*16 MiB.*25 MB.*cut it into parts"),
        ([b"", "audio/wav"], "the data is empty"),
        ([b"\x89PNG\r\n\x1a\n0000"], "image/png is not a sound"),
        ([b"\x89PNG\r\n\x1a\n0000", "audio/wav"], "is image/png, and `mime_type` says audio/wav"),
        ([b"whatever this is"], "give `mime_type`"),
    ],
)
async def test_a_sound_that_is_none_is_refused(
    ask: Any, provider: Any, args: list[Any], message: str
) -> None:
    """Before it is sent, naming what is wrong."""
    with pytest.raises(ValidationError, match=message):
        await ask("transcription", *args, SOUND)
    assert provider.requests == []


async def test_moderation_tells_categories_and_scores(ask: Any, provider: Any) -> None:
    """OpenAI's model is asked unless another is named."""
    answer = await ask("moderation", "I will find you")
    assert answer["flagged"] is True
    assert (answer["categories"]["violence"], answer["scores"]["violence"]) == (True, 0.9)
    assert answer["model"] == "openai/omni-moderation-latest"
    _, body = provider.requests[0]
    assert body == {"input": "I will find you", "model": "omni-moderation-latest"}


async def test_ranking_returns_the_documents_best_first(ask: Any, provider: Any) -> None:
    """Each with its place in the list that was given."""
    answer = await ask("rerank", "birds", ["cars", "owls"], {"model": "cohere/rerank-v3.5"})
    assert answer["results"] == [
        {"index": 1, "relevance_score": 0.9, "document": "owls"},
        {"index": 0, "relevance_score": 0.2, "document": "cars"},
    ]
    _, body = provider.requests[0]
    assert (body["query"], body["documents"]) == ("birds", ["cars", "owls"])


async def test_a_document_that_was_not_sent_is_a_bad_response(ask: Any, provider: Any) -> None:
    """An index out of range does not become somebody else's document."""
    provider.answers["rerank"]["results"] = [{"index": 7, "relevance_score": 1.0}]
    with pytest.raises(BadResponseError, match="7"):
        await ask("rerank", "birds", ["cars"], {"model": "cohere/rerank-v3.5"})


@pytest.mark.parametrize(("method", "args"), CALLS)
@pytest.mark.parametrize(
    "failure", [(401, AuthenticationError), (429, RateLimitError), (500, ProviderError)]
)
async def test_a_failure_is_its_kind_after_one_request(
    ask: Any, provider: Any, method: str, args: list[Any], failure: tuple[int, type[ProviderError]]
) -> None:
    """Nothing below us tries again on its own."""
    status, kind = failure
    provider.fail_with = [(status, {"Retry-After": "7"})] * 4
    with pytest.raises(kind) as caught:
        await ask(method, *args)
    assert len(provider.requests) == 1
    assert caught.value.status_code == status
    if status == 429:
        assert caught.value.retry_after_s == 7  # type: ignore[attr-defined] # a rate limit's


@pytest.mark.parametrize(("method", "args"), CALLS)
async def test_every_call_needs_its_model_to_be_permitted(
    spend: Any, provider: Any, method: str, args: list[Any]
) -> None:
    """The flag is named, and nothing is sent."""
    session = spend(permissions=Permissions(model=("local/*",)))
    with pytest.raises(PermissionDeniedError, match="--allow-model="):
        await call(session, "llm", method, args)
    assert provider.requests == []


@pytest.mark.parametrize(("method", "args"), CALLS)
async def test_cancelling_closes_the_request(
    spend: Any, provider: Any, method: str, args: list[Any]
) -> None:
    """The provider sees the connection end; the reservation is gone."""
    provider.silent = True
    session = spend()
    task = asyncio.create_task(call(session, "llm", method, args))
    await provider.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5):
        await provider.hung_up.wait()
    assert session.ledger.reserved_usd == 0


@pytest.mark.usefixtures("sold")
@pytest.mark.parametrize(
    ("method", "args", "cost"),
    [
        ("images", ["An owl", {**IMAGE, "size": "1024x1024", "quality": "low"}], 0.01101),
        ("speech", ["x" * 1000, SPEECH], 0.015),
        ("transcription", CALLS[2][1], 0.01),
        ("moderation", ["I will find you"], 0),
        ("rerank", ["birds", ["cars", "owls"], {"model": "cohere/rerank-v3.5"}], 0.002),
    ],
)
async def test_calls_cost_what_litellm_says(
    spend: Any, provider: Any, method: str, args: list[Any], cost: float
) -> None:
    """By image, character, second, token or query; the budget is charged the same."""
    provider.answers["audio/transcriptions"] = {"text": "Hello", "duration": 100.0}
    session = spend()
    answer = await call(session, "llm", method, args)
    fields = getattr(answer, "fields", answer)
    assert fields["cost_usd"] == pytest.approx(cost)
    assert session.ledger.usage.cost_usd == pytest.approx(cost)
    assert (session.ledger.usage.llm_calls, session.ledger.reserved_usd) == (1, 0)


@pytest.mark.usefixtures("sold")
@pytest.mark.parametrize(("method", "args"), [*CALLS[:3], CALLS[4]])
async def test_a_call_beyond_the_budget_is_not_made(
    spend: Any, provider: Any, method: str, args: list[Any]
) -> None:
    """What it may cost at most is known before."""
    session = spend(ledger=Ledger(Budget(cost_usd=0.00001)))
    with pytest.raises(BudgetError, match="--max-cost"):
        await call(session, "llm", method, args)
    assert provider.requests == []


@pytest.mark.usefixtures("sold")
async def test_a_model_of_unknown_price_is_refused(spend: Any, provider: Any) -> None:
    """As it is for texts."""
    with pytest.raises(ConfigurationError, match="prices"):
        await call(spend(), "llm", "images", ["An owl", {"model": "openai/brand-new"}])
    assert provider.requests == []


async def test_a_model_must_be_named_where_there_is_no_default(ask: Any, provider: Any) -> None:
    """The model for texts does not make images."""
    with pytest.raises(ValidationError, match=r"missing argument `model` of `llm.images`"):
        await ask("images", "An owl")


@pytest.mark.parametrize("name", ["api_base", "response_format", "extra_body", "user", "n"])
async def test_only_named_arguments_reach_the_provider(ask: Any, name: str) -> None:
    """Whatever else litellm would take."""
    with pytest.raises(ValidationError, match=f"unknown argument `{name}`"):
        await ask("images", "An owl", {**IMAGE, name: "x"})
