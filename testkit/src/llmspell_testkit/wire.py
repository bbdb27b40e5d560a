"""What travels between a contract's tests and the process that holds the engine: plain records.

Messages are MessagePack behind their length. What an engine under test gave may be anything: a
thing that is no value arrives as a `Foreign`, which only shows what it was.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core.engine import EngineConfig
from llmspell_core.errors import KINDS, Frame, InternalError, LlmspellError
from llmspell_testkit.case import Case
from llmspell_testkit.host import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable
    from socket import socket

_FOREIGN = 1
_SHOWN = 500


class Job(msgspec.Struct, kw_only=True):
    """Which engine to hold: a class of an importable module, or of a file."""

    module: str
    file: str | None
    name: str
    config: EngineConfig
    path: list[str]
    grace_s: float


class RunCase(msgspec.Struct, kw_only=True, tag=True):
    """Run one case; what it expects stays where it is judged."""

    case: Case
    source: str


class RunCheck(msgspec.Struct, kw_only=True, tag=True):
    """Run one check by its name."""

    name: str
    arguments: dict[str, Any]
    deadline_s: float


class SentError(msgspec.Struct, kw_only=True):
    """An error: one of the tree, or, without a kind, an exception of the engine's own."""

    type: str
    message: str
    kind: str | None = None
    retryable: bool = False
    bridge: str | None = None
    method: str | None = None
    details: dict[str, Any] = {}
    traceback: list[Frame] = []


class SentOutcome(msgspec.Struct, kw_only=True):
    """An `Outcome` whose error is a record."""

    outcome: Outcome
    error: SentError | None = None


class Checked(msgspec.Struct, kw_only=True):
    """How a check ended: its answer, or what it found, or an exception's text."""

    answer: Any = None
    failure: str | None = None
    late: bool = False


def _foreign(value: object) -> msgspec.msgpack.Ext:
    try:
        shown = repr(value)[:_SHOWN]
    except Exception:  # noqa: BLE001 - a thing of the engine's, whose repr may do anything
        shown = "?"
    text = f"{type(value).__name__}\n{shown}".encode("utf-8", "backslashreplace")
    return msgspec.msgpack.Ext(_FOREIGN, text)


def sendable(value: Any) -> Any:
    """Replace what MessagePack cannot hold, or would hold as something else, by what it is."""
    kind = type(value)
    if value is None or kind in (bool, float, bytes):
        return value
    if kind is int:
        return value if -(2**63) <= value < 2**63 else _foreign(value)
    if kind is str:
        return value if _is_unicode(value) else _foreign(value)
    if kind is list:
        return [sendable(item) for item in value]
    if kind is dict and all(type(key) is str and _is_unicode(key) for key in value):
        return {key: sendable(item) for key, item in value.items()}
    return _foreign(value)


def _is_unicode(text: str) -> bool:
    return text.isascii() or text.encode("utf-8", "replace").decode() == text


def _revive(code: int, data: memoryview) -> object:
    name, _, shown = bytes(data).decode().partition("\n")
    kind = type(name if code == _FOREIGN else "extension", (), {"__repr__": lambda _: shown})
    return kind()


def pack_error(error: BaseException) -> SentError:
    """Make a record of an error."""
    if not isinstance(error, LlmspellError):
        return SentError(type=type(error).__name__, message=_text(str(error)))
    return SentError(
        type=type(error).__name__,
        kind=error.kind,
        message=_text(error.message),
        retryable=error.retryable,
        bridge=error.bridge,
        method=error.method,
        details=sendable(dict(error.details)),
        traceback=list(error.traceback),
    )


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def unpack_error(sent: SentError) -> BaseException:
    """Make the error again that a record tells of."""
    if sent.kind is None:
        foreign: type[Exception] = type(sent.type, (Exception,), {})
        return foreign(sent.message)
    error = KINDS.get(sent.kind, InternalError)(
        sent.message,
        retryable=sent.retryable,
        bridge=sent.bridge,
        method=sent.method,
        traceback=sent.traceback,
        details=sent.details,
    )
    if error.kind != sent.kind:
        error.kind = sent.kind  # type: ignore[misc]  # an engine's own class of error
    return error


def send(channel: socket, message: msgspec.Struct) -> None:
    """Send one message."""
    data = msgspec.msgpack.encode(message)
    channel.sendall(struct.pack("!I", len(data)) + data)


def receive(channel: socket, kind: Any) -> Any:
    """Wait for one message, and read it as `kind`.

    Raises:
        EOFError: the other side is gone.
    """
    (size,) = struct.unpack("!I", b"".join(_read(channel, 4)))
    data = b"".join(_read(channel, size))
    return msgspec.msgpack.decode(data, type=kind, ext_hook=_revive)


def _read(channel: socket, size: int) -> Iterable[bytes]:
    while size:
        piece = channel.recv(min(size, 1 << 20))
        if not piece:
            raise EOFError
        size -= len(piece)
        yield piece
