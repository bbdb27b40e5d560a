"""Images, sounds and files as parts of a message, up to the provider."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from llmspell_core import ValidationError

pytestmark = pytest.mark.anyio
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
JPEG = b"\xff\xd8\xff\xe0" + bytes(12)
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "
PDF = b"%PDF-1.7 and so on"
TEXT = {"type": "text", "text": "What is this?"}


def _message(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(parts)}]}


def _base64(data: bytes) -> str:
    return b64encode(data).decode()


async def test_every_part_arrives_in_openais_form(ask: Any, mock: Any) -> None:
    """Text, image by data and by data URL, sound, file."""
    url = f"data:image/png;base64,{_base64(PNG)}"
    await ask("complete", _message(
        TEXT,
        {"type": "image", "data": JPEG, "mime_type": "image/jpg"},
        {"type": "image", "url": url, "detail": "low"},
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "audio", "data": WAV, "mime_type": "audio/x-wav"},
        {"type": "audio", "data": b"ID3 sound", "mime_type": "audio/mpeg"},
        {"type": "file", "data": PDF, "name": "a.pdf"},
        {"type": "file", "data": PDF},
    ))  # fmt: skip
    text, image, second, third, wav, mp3, file, unnamed = mock.last_request.body["messages"][0][
        "content"
    ]
    assert text == TEXT
    assert image["image_url"]["url"] == f"data:image/jpeg;base64,{_base64(JPEG)}"
    assert second["image_url"] == {"url": url, "detail": "low"}
    assert third["image_url"]["url"] == url
    assert wav["input_audio"] == {"data": _base64(WAV), "format": "wav"}
    assert mp3["input_audio"]["format"] == "mp3"
    pdf = f"data:application/pdf;base64,{_base64(PDF)}"
    assert file["file"]["file_data"] == pdf
    assert file["file"]["filename"] == "a.pdf"
    assert unnamed["file"]["filename"] == "file.pdf"


async def test_an_image_arrives_in_anthropics_form(
    mock: Any, settings: dict[str, Any], ask: Any, bridge: Any
) -> None:
    """Litellm translates what we give it."""
    import msgspec

    from llmspell_bridges.llm.settings import Provider
    from llmspell_core.secret import Secret

    key = Secret.of("sk-ant-0123456789", "key of anthropic")
    here = Provider(base_url=mock.base_url("anthropic"), api_key=key)
    providers = {**bridge.settings.providers, "anthropic": here}
    bridge.settings = msgspec.structs.replace(bridge.settings, providers=providers)
    image = {"type": "image", "data": PNG, "mime_type": "image/png"}
    model = {"model": "anthropic/claude-3-5-sonnet-20241022", "max_tokens": 10}
    await ask("complete", {**_message(TEXT, image), **model})
    text, sent = mock.last_request.body["messages"][0]["content"]
    assert text["text"] == TEXT["text"]
    assert sent["source"] == {
        "type": "base64",
        "media_type": "image/png",
        "data": _base64(PNG),
    }


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"type": "image", "data": JPEG, "mime_type": "image/png"},
         r"content\[0\].data` to `llm.complete`: the data is image/jpeg, .* says image/png"),
        ({"type": "image", "data": b"hello", "mime_type": "image/png"}, "it does not begin as one"),
        ({"type": "image", "data": PDF, "mime_type": "image/png"}, "the data is application/pdf"),
        ({"type": "image", "data": PDF, "mime_type": "application/pdf"}, "expected image/…"),
        ({"type": "image", "data": PNG, "mime_type": "png"}, "expected image/…, got 'png'"),
        ({"type": "image", "data": b"", "mime_type": "image/png"}, "the data is empty"),
        ({"type": "image", "data": PNG}, "goes with `mime_type`"),
        ({"type": "image"}, "needs `url`, or `data`"),
        ({"type": "image", "url": f"data:image/png;base64,{_base64(JPEG)}"}, "is image/jpeg"),
        ({"type": "image", "url": "data:image/png;base64,~~~"}, "not base64"),
        ({"type": "image", "url": "data:image/svg+xml,<svg/>"}, "is written data:image/png"),
        ({"type": "audio", "data": PNG, "mime_type": "audio/wav"}, "the data is image/png"),
        ({"type": "audio", "data": WAV, "mime_type": "text/plain"}, "expected audio/…"),
        ({"type": "file", "data": PNG}, "the data is image/png, .* says application/pdf"),
    ],
)  # fmt: skip
async def test_data_of_a_wrong_type_is_refused(
    ask: Any, mock: Any, part: dict[str, Any], message: str
) -> None:
    """What it is and what it should be are named; nothing is sent."""
    with pytest.raises(ValidationError, match=message):
        await ask("complete", _message(part))
    assert mock.requests == []
