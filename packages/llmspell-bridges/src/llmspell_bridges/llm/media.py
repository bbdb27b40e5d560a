"""Images, speech and transcription as litellm's calls, and its answers as records."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import TYPE_CHECKING, Any

from llmspell_bridges.llm.clients import asking_once
from llmspell_bridges.llm.flat import FlatRequest, bad, check_size, fits_message
from llmspell_bridges.llm.prices import images_usd, most_usd
from llmspell_bridges.llm.request import text_tokens
from llmspell_bridges.llm.sniff import kind_of, mismatch, plain_mime
from llmspell_core import ValidationError

if TYPE_CHECKING:
    from llmspell_bridges.llm.call import ModelCall
    from llmspell_bridges.llm.settings import Settings

SPEECH_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
_SUFFIXES = {  # providers go by the file's name
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/mp4": "m4a",
    "audio/m4a": "m4a",
    "audio/x-m4a": "m4a",
    "audio/webm": "webm",
    "video/mp4": "mp4",
    "video/webm": "webm",
}
_CHARACTERS_PER_S = 10  # slow speech; with it a speech is estimated rather too long
_SPEECH_TOKENS_PER_S = 21
_SPEECH_AT_MOST = 10.0  # seven digits are read as fifteen words
_AUDIO_BYTES_PER_S = 4000  # 32 kbit/s, as telephones have
_AUDIO_TOKENS_PER_S = 10
_WORD_TOKENS_PER_S = 5


def images(settings: Settings, arguments: dict[str, Any]) -> FlatRequest:
    """Prepare the making of images."""
    tokens = text_tokens(arguments["prompt"])
    size = arguments.get("size", "1024x1024")
    facts = {
        "call_type": "aimage_generation",
        "n": arguments.get("n", 1),
        "size": size.replace("x", "-x-"),
        "quality": arguments.get("quality"),
    }
    return FlatRequest(
        send=_make_images,
        take=_images,
        estimate=lambda call: images_usd(call.litellm, settings, call.model, tokens, arguments),
        facts=facts,
        arguments=arguments,
        tokens=tokens,
    )


def speech(settings: Settings, arguments: dict[str, Any]) -> FlatRequest:
    """Prepare the reading of a text."""
    text = arguments["input"]
    tokens = text_tokens(text)
    sounds = round(len(text) / _CHARACTERS_PER_S * _SPEECH_TOKENS_PER_S)
    quantities = {"input_cost_per_character": len(text), "output_cost_per_audio_token": sounds}
    form = arguments.get("response_format", "mp3")

    def take(response: Any, call: ModelCall) -> dict[str, Any]:
        return _speech(response, call, form)

    return FlatRequest(
        send=lambda call, given: call.litellm.aspeech(**call.connection, **given),
        take=take,
        estimate=lambda call: most_usd(
            call.litellm, settings, call.model, tokens, quantities, answer=sounds
        ),
        facts={"call_type": "aspeech", "prompt": text},
        arguments=arguments,
        tokens=tokens,
        at_most=_SPEECH_AT_MOST,
    )


def transcription(settings: Settings, arguments: dict[str, Any]) -> FlatRequest:
    """Prepare the writing down of a sound; `arguments` has it as `file`: name, bytes, type."""
    seconds = max(1.0, len(arguments["file"][1]) / _AUDIO_BYTES_PER_S)
    quantities = {
        "input_cost_per_second": seconds,
        "output_cost_per_second": seconds,
        "input_cost_per_audio_token": seconds * _AUDIO_TOKENS_PER_S,
    }
    tokens = text_tokens(arguments.get("prompt", "")) + round(seconds * _AUDIO_TOKENS_PER_S)
    words = round(seconds * _WORD_TOKENS_PER_S)
    return FlatRequest(
        send=lambda call, given: call.litellm.atranscription(**call.connection, **given),
        take=_transcription,
        estimate=lambda call: most_usd(
            call.litellm, settings, call.model, tokens, quantities, answer=words
        ),
        facts={"call_type": "atranscription"},
        arguments=arguments,
        tokens=tokens,
        at_most=None,
    )


def sound_file(audio: bytes, mime_type: str | None, where: str) -> tuple[str, bytes, str]:
    """Check a sound, and name it as providers want it: file name, bytes, type.

    Raises:
        ValidationError: it is too large for a message, empty, or not of its type.
    """
    if not fits_message(len(audio)):
        text = (
            f"bad argument `audio` to `{where}`: {len(audio):,} bytes are more than the 16 MiB of "
            "one message (providers take 25 MB): cut it into parts, or compress it"
        )
        raise ValidationError(text, argument="audio")
    found = kind_of(audio)
    kind = plain_mime(mime_type or found or "")
    what = mismatch(audio, kind) if kind else "give `mime_type`: its beginning does not tell it"
    if what is None and kind not in _SUFFIXES:
        what = f"{kind[:80]} is not a sound that can be sent; known: {', '.join(_SUFFIXES)}"
    if what is not None:
        text = f"bad argument `audio` to `{where}`: {what}"
        raise ValidationError(text, argument="audio")
    return f"audio.{_SUFFIXES[kind]}", audio, kind


async def _make_images(call: ModelCall, arguments: dict[str, Any]) -> Any:
    make, connection = call.litellm.aimage_generation, call.connection
    if not connection["model"].startswith("openai/"):
        return await make(**connection, **arguments)
    async with asking_once(connection) as client:
        return await make(**connection, **arguments, client=client)


def _images(response: Any, call: ModelCall) -> dict[str, Any]:
    made: list[dict[str, Any]] = []
    total = 0
    for item in response.data or []:
        entry: dict[str, Any] = {"revised_prompt": item.revised_prompt}
        if item.b64_json:
            total += len(item.b64_json) * 3 // 4
            check_size(total, "the data", "ask for fewer or smaller images, or by `url`", call)
            entry["data"] = _decoded(item.b64_json, call)
            entry["mime_type"] = kind_of(entry["data"]) or "application/octet-stream"
        elif item.url:
            entry["url"] = item.url
        else:
            raise bad(call, "an image without `url` and data")
        made.append({name: value for name, value in entry.items() if value is not None})
    if not made:
        raise bad(call, "no image")
    return {"images": made, **made[0]}


def _decoded(text: str, call: ModelCall) -> bytes:
    try:
        return b64decode(text, validate=True)
    except binascii.Error:
        raise bad(call, "an image that is not base64") from None


def _speech(response: Any, call: ModelCall, form: str) -> dict[str, Any]:
    data: bytes = response.content
    if not data:
        raise bad(call, "no sound")
    check_size(len(data), "the sound", "read less text at a time, or as `mp3`", call)
    stated = plain_mime(str(response.response.headers.get("content-type", "")))
    if stated.startswith(("text/", "application/json")):
        raise bad(call, f"{stated} instead of a sound")
    sound = stated if stated.startswith("audio/") else None
    return {"data": data, "mime_type": kind_of(data) or sound or SPEECH_TYPES[form]}


def _transcription(response: Any, call: ModelCall) -> dict[str, Any]:
    if not isinstance(response.text, str):
        raise bad(call, "no text")
    found: dict[str, Any] = {"text": response.text}
    duration = getattr(response, "duration", None)
    if isinstance(duration, int | float):
        found["duration_s"] = float(duration)
    if isinstance(getattr(response, "language", None), str):
        found["language"] = response.language
    for name in ("segments", "words"):
        parts = getattr(response, name, None)
        if parts:
            found[name] = [_span(part) for part in parts]
    return found


def _span(part: Any) -> dict[str, Any]:
    given = part if isinstance(part, dict) else part.model_dump()
    text = given.get("text", given.get("word", ""))
    return {"start_s": given.get("start"), "end_s": given.get("end"), "text": text}
