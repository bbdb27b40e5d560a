"""Values as error records and as calls: an error that can be shown and sent, or a refusal."""

from __future__ import annotations

from llmspell_core.errors import ConversionError, LlmspellError
from llmspell_core.limits import Limits
from llmspell_core.values import plain
from llmspell_engines.codec import decode, encode
from llmspell_engines.host.calls import NAME_CHARS, call_parts
from llmspell_engines.host.records import (
    MAX_FRAMES,
    MAX_MESSAGE,
    KnownErrors,
    from_record,
    to_record,
)

_KNOWN = KnownErrors()
_LIMITS = Limits()


def one_input(data: bytes) -> None:
    """Read `data` as a record and as a call."""
    _call(data)
    try:
        record = decode(data)
    except ConversionError:
        return
    ref = record.get("ref") if isinstance(record, dict) else None
    error = from_record(record, _LIMITS, _KNOWN.find(ref))
    _shown(error)
    sent = encode(to_record(error, 7))
    _shown(from_record(decode(sent), _LIMITS))
    _KNOWN.add(len(data), error, len(sent))
    plain(record)


def _shown(error: LlmspellError) -> None:
    if len(str(error)) > MAX_MESSAGE or len(error.traceback) > MAX_FRAMES:
        raise AssertionError("a message or a traceback without a bound")
    if type(error.retryable) is not bool:
        raise AssertionError(f"retryable of the wrong type: {error.retryable!r}")
    for name in error.fields:
        getattr(error, name)
    for frame in error.traceback:
        str(frame)


def _call(data: bytes) -> None:
    try:
        target, method, _, _ = call_parts(decode(data, arguments=True))
    except ConversionError:
        return
    if isinstance(target, bool):
        raise AssertionError("a boolean as a handle")  # noqa: TRY004 - a finding, not a type error
    if len(method) > NAME_CHARS:
        raise AssertionError(f"a name of {len(method)} characters")
