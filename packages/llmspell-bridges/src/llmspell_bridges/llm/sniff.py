"""What bytes really are, by how they begin."""

from __future__ import annotations

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
    (0, b"%PDF-", "application/pdf"),
)
_SAME = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "audio/mp3": "audio/mpeg",
    "audio/mpga": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/opus": "audio/ogg",
    "application/ogg": "audio/ogg",
}
_LOOK_AT = 16
_KNOWN = {kind for _, _, kind in _SIGNATURES} - {"audio/mpeg"}  # an MP3 may begin with anything


def kind_of(data: bytes) -> str | None:
    """Tell the MIME type of an image, a sound or a PDF; None where its beginning does not say."""
    for offset, mark, kind in _SIGNATURES:
        if data.startswith(mark, offset) and (offset == 0 or data.startswith(b"RIFF")):
            return kind
    return None


def plain_mime(mime_type: str) -> str:
    """Write a MIME type in its usual form: lower case, without parameters, one name for each."""
    name = mime_type.partition(";")[0].strip().lower()
    return _SAME.get(name, name)


def mismatch(data: bytes, mime_type: str) -> str | None:
    """Say what is wrong when `data` is not of `mime_type`; None when it is, or may be."""
    stated, found = plain_mime(mime_type), kind_of(data[:_LOOK_AT])
    if not data:
        return "the data is empty"
    if found is not None and found != stated:
        return f"the data is {found}, and `mime_type` says {mime_type[:80]}"
    if found is None and stated in _KNOWN:
        return f"the data is not {mime_type[:80]}: it does not begin as one"
    return None
