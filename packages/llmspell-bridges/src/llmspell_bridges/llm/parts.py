"""The parts of a message in the provider's form: text, image, sound, file."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from llmspell_bridges.llm.sniff import mismatch, plain_mime
from llmspell_bridges.llm.types import AudioPart, FilePart, ImagePart, ImageUrlPart, TextPart
from llmspell_core import ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_bridges.llm.types import Part

_FORMATS = {"mpeg": "mp3", "x-m4a": "m4a", "mp4": "m4a", "ogg": "ogg"}
_HEAD = 64  # characters of base64 that are decoded to see how an image begins


def part_of(
    part: Part, path: str, where: str, allow_host: Callable[[str, int], None]
) -> dict[str, Any]:
    """Build litellm's form of a part; `allow_host` is told the host and port of an image's URL.

    Raises:
        ValidationError: it names the part, and what is wrong with it.
    """
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    if isinstance(part, AudioPart):
        data, mime_type = _data_of(part, path, where)
        _check_data(data, mime_type, ("audio",), path, where)
        form = plain_mime(mime_type).rpartition("/")[2]
        sound = {"data": b64encode(data).decode(), "format": _FORMATS.get(form, form)}
        return {"type": "input_audio", "input_audio": sound}
    if isinstance(part, FilePart):
        return {"type": "file", "file": _file(part, path, where)}
    return {"type": "image_url", "image_url": _image(part, path, where, allow_host)}


def _file(part: FilePart, path: str, where: str) -> dict[str, Any]:
    data, mime_type = _data_of(part, path, where)
    _check_data(data, mime_type, (), path, where)
    # OpenAI takes no file without a name.
    name = part.name or f"file.{plain_mime(mime_type).rpartition('/')[2][:20]}"
    return {"file_data": _data_url(data, mime_type), "format": mime_type, "filename": name}


def _data_of(part: AudioPart | FilePart, path: str, where: str) -> tuple[bytes, str]:
    """Read what a part holds, and of which type it is: as bytes, or in a data URL."""
    if (part.data is None) == (part.url is None):
        raise _wrong(path, where, "it needs `data`, or `url`: one of the two")
    if part.data is not None:
        return part.data, part.mime_type
    head, comma, body = (part.url or "").partition(",")
    mime_type, _, encoding = head.removeprefix("data:").rpartition(";")
    if not (head.startswith("data:") and comma and encoding == "base64"):
        raise _wrong(f"{path}.url", where, "expected data:TYPE;base64,…")
    try:
        return b64decode(body, validate=True), mime_type
    except binascii.Error:
        raise _wrong(f"{path}.url", where, "what follows `base64,` is not base64") from None


def _image(
    part: ImagePart | ImageUrlPart, path: str, where: str, allow_host: Callable[[str, int], None]
) -> dict[str, Any]:
    detail = part.image_url.detail if isinstance(part, ImageUrlPart) else part.detail
    more = {"detail": detail} if detail else {}
    if isinstance(part, ImagePart) and part.data is not None:
        if not part.mime_type or part.url is not None:
            raise _wrong(path, where, "`data` goes with `mime_type`, such as image/png")
        _check_data(part.data, part.mime_type, ("image",), path, where)
        return {"url": _data_url(part.data, plain_mime(part.mime_type)), **more}
    url = part.image_url.url if isinstance(part, ImageUrlPart) else part.url
    if url is None:
        raise _wrong(path, where, "an image needs `url`, or `data` with `mime_type`")
    if url.startswith("data:image/"):
        _check_data_url(url, f"{path}.url", where)
    else:
        # Some providers' images are fetched by litellm itself, from this machine.
        host, port = _host(url)
        if not host:
            raise _wrong(f"{path}.url", where, "expected an https: or a data:image/ URL")
        allow_host(host, port)
    return {"url": url, **more}


def _host(url: str) -> tuple[str, int]:
    """Read host and port of an https: URL; the host of anything else is empty."""
    try:
        parsed = urlsplit(url)
        port = parsed.port or 443
    except ValueError:
        return "", 0
    return (parsed.hostname or "") if parsed.scheme == "https" else "", port


def _check_data(
    data: bytes, mime_type: str, families: tuple[str, ...], path: str, where: str
) -> None:
    """Refuse data that is not what it says to be: a provider's own words for it are poor."""
    family, slash, kind = plain_mime(mime_type).partition("/")
    if not (slash and kind) or (families and family not in families):
        expected = f"{families[0]}/…" if families else "a type such as application/pdf"
        raise _wrong(f"{path}.mime_type", where, f"expected {expected}, got {mime_type[:80]!r}")
    what = mismatch(data, mime_type)
    if what is not None:
        raise _wrong(f"{path}.data", where, what)


def _check_data_url(url: str, path: str, where: str) -> None:
    head, comma, body = url.partition(",")
    mime_type, _, encoding = head.removeprefix("data:").rpartition(";")
    if not comma or encoding != "base64":
        raise _wrong(path, where, "a data: URL is written data:image/png;base64,…")
    try:
        beginning = b64decode(body[:_HEAD], validate=len(body) <= _HEAD)
    except binascii.Error:
        raise _wrong(path, where, "what follows `base64,` is not base64") from None
    what = mismatch(beginning, mime_type)
    if what is not None:
        raise _wrong(path, where, what)


def _data_url(data: bytes, mime_type: str) -> str:
    return f"data:{mime_type};base64,{b64encode(data).decode()}"


def _wrong(argument: str, where: str, what: str) -> ValidationError:
    return ValidationError(f"bad argument `{argument}` to `{where}`: {what}", argument=argument)
