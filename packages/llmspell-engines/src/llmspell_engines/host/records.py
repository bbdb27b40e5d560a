"""Error records: how errors cross, see `docs/protocol.md`, "Error record".

A record from a worker is hostile input: its texts are bounded, its kind is one of ours or taken
for ``runtime``, and its details become attributes only where the kind has them.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

from llmspell_core.errors import (
    KINDS,
    ConversionError,
    Frame,
    InternalError,
    LlmspellError,
    ScriptRuntimeError,
)
from llmspell_core.limits import show_bytes
from llmspell_engines.protocol import MESSAGE_BYTES

if TYPE_CHECKING:
    from llmspell_core.limits import Limits

MAX_MESSAGE = 10_000
MAX_FRAMES = 100
KNOWN_ERRORS = 1000
KNOWN_ERRORS_BYTES = 4 * 1024 * 1024
"""How many errors of calls are remembered, and their size together; the newest ones are."""
HOST_KINDS = frozenset({"permission", "limit", "budget"})
"""Kinds that the host decides: they ask a person for more, and have exit codes of their own."""
_GUEST_LIMITS = ("memory", "result", "log")


def to_record(error: LlmspellError, ref: int | None = None) -> dict[str, Any]:
    """Write an error for the guest; `ref` is the call it answers."""
    record: dict[str, Any] = {
        "kind": error.kind,
        "message": error.message[:MAX_MESSAGE],
        "retryable": error.retryable,
    }
    for name in ("bridge", "method"):
        value = getattr(error, name)
        if value is not None:
            record[name] = value
    details = {name: value for name, value in error.details.items() if value is not None}
    if details:
        record["details"] = details
    if error.traceback:
        # a callback's own lines; the guest adds those of the call
        record["traceback"] = [_to_frame(frame) for frame in error.traceback[:MAX_FRAMES]]
    if ref is not None:
        record["ref"] = ref
    return record


def _to_frame(frame: Frame) -> dict[str, Any]:
    found = {name: getattr(frame, name) for name in frame.__struct_fields__}
    return {name: value for name, value in found.items() if value is not None}


def from_record(record: Any, limits: Limits, known: LlmspellError | None = None) -> LlmspellError:
    """Read the error that a guest reports; `known` is the host's own that it refers to.

    That one is returned where the record still says the same. Of the kinds in `HOST_KINDS` a guest
    can say only what the host has said: changed or made up, such an error is the script's own.
    """
    if not isinstance(record, dict):
        return InternalError("the worker reported a failure without saying which")
    kind = record.get("kind")
    details = record.get("details")
    details = details if isinstance(details, dict) else {}
    message = record.get("message")
    if known is not None and (known.kind, known.message[:MAX_MESSAGE]) == (kind, message):
        error = known
    elif kind == "limit" and details.get("limit") in _GUEST_LIMITS:
        error = _limit(str(details["limit"]), limits)
    else:
        cls = KINDS.get(kind) if isinstance(kind, str) and kind not in HOST_KINDS else None
        text = message if isinstance(message, str) else "the spell failed"
        retryable = record.get("retryable")
        error = (cls or ScriptRuntimeError)(
            text[:MAX_MESSAGE],
            retryable=retryable if isinstance(retryable, bool) else None,
            bridge=_text(record.get("bridge")),
            method=_text(record.get("method")),
            details=details,
        )
    error.traceback = frames_of(record)
    return error


def _limit(name: str, limits: Limits) -> LlmspellError:
    """Make the error of a limit that the guest held; a message has its own bound, which nothing raises."""
    allowed = getattr(limits, f"{name}_bytes")
    if name == "memory" or allowed <= MESSAGE_BYTES:
        return limits.exceeded(name)
    what = "what is printed at once" if name == "log" else "the spell's result"
    text = f"{what} cannot be larger than {show_bytes(MESSAGE_BYTES)}"
    return ConversionError(text)


def frames_of(record: dict[str, Any]) -> tuple[Frame, ...]:
    """Read the traceback of a record, leaving out what is not a frame."""
    found = record.get("traceback")
    frames = found if isinstance(found, list) else []
    return tuple(_frame(item) for item in frames[:MAX_FRAMES] if _is_frame(item))


def _is_frame(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and isinstance(item.get("name"), str)
        and type(item.get("line")) is int
    )


def _frame(item: dict[str, Any]) -> Frame:
    column = item.get("column")
    return Frame(
        name=item["name"][:MAX_MESSAGE],
        line=item["line"],
        column=column if type(column) is int else None,
        function=_text(item.get("function")),
    )


def _text(value: Any) -> str | None:
    return value[:MAX_MESSAGE] if isinstance(value, str) else None


class KnownErrors:
    """The errors that calls were answered with, to be found again when the script raises them."""

    def __init__(self) -> None:
        """Know none."""
        self._known: dict[int, tuple[LlmspellError, int]] = {}
        self._bytes = 0

    def add(self, number: int, error: LlmspellError, record_bytes: int) -> None:
        """Remember the error of a call, and forget the oldest ones for it."""
        _forget_frames(error)
        _, before = self._known.pop(number, (None, 0))
        size = record_bytes + len(error.message)
        self._bytes += size - before
        self._known[number] = (error, size)
        while len(self._known) > KNOWN_ERRORS or self._bytes > KNOWN_ERRORS_BYTES:
            _, size = self._known.pop(next(iter(self._known)))
            self._bytes -= size

    def find(self, ref: Any) -> LlmspellError | None:
        """Return the error of the call `ref`, if that is one that is remembered."""
        found = self._known.get(ref) if type(ref) is int else None
        return found[0] if found else None


def _forget_frames(error: BaseException) -> None:
    """Let go of the variables in an error's tracebacks: a call's arguments, 16 MiB of them.

    What it came from keeps its lines, for whoever looks for a mistake in a bridge.
    """
    error.__traceback__ = None
    seen: set[int] = set()
    chain: BaseException | None = error
    while chain is not None and id(chain) not in seen:
        seen.add(id(chain))
        traceback.clear_frames(chain.__traceback__)
        chain = chain.__cause__ or chain.__context__
