"""A small scripted host: drives a guest directly and answers its calls at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_engines.lua.guest import LuaGuest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

START, RESULT, ERROR, INVOKE, CANCEL, VALIDATE = 1, 2, 3, 4, 5, 6
CALL, DONE, FAILED, LOG, RETURN, RAISE, CANCEL_CALL, RELEASE = 65, 66, 67, 68, 69, 70, 71, 72

LIMITS = {
    "depth": 64,
    "nodes": 200_000,
    "message_bytes": 16 << 20,
    "result_bytes": 10 << 20,
    "calls_in_flight": 64,
}

BRIDGES: dict[str, Any] = {
    "t": {
        "methods": {"echo": 0, "fail": 0, "stream": 1, "later": 0, "make": 0},
        "open": False,
        "builders": {},
    },
    "tools": {"methods": {"list": 0}, "open": True, "builders": {}},
    "workflow": {
        "methods": {"list": 0},
        "open": False,
        "builders": {"sequential": {"steps": ["add_step"], "methods": {"run": 0, "validate": 0}}},
    },
}


class Ext(msgspec.Struct, frozen=True):
    """A decoded extension value: its code and its own decoded data."""

    code: int
    data: Any


def _ext_hook(code: int, data: memoryview) -> Ext:
    return Ext(code, decode(bytes(data)))


def decode(payload: bytes) -> Any:
    """Decode a payload; extension types become `Ext`."""
    return msgspec.msgpack.Decoder(Any, ext_hook=_ext_hook).decode(payload)


def _enc_hook(value: Any) -> Any:
    return msgspec.msgpack.Ext(value.code, encode(value.data))


def encode(value: Any) -> bytes:
    """Encode a value; `Ext` inside it becomes an extension type."""
    return msgspec.msgpack.Encoder(enc_hook=_enc_hook).encode(_plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, Ext):
        return msgspec.msgpack.Ext(value.code, encode(value.data))
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


class HostError(Exception):
    """Raised by a method of the test's host: the call is answered with this error record."""

    def __init__(self, kind: str, message: str, **fields: Any) -> None:
        """Keep the record's fields."""
        super().__init__(message)
        self.record = {"kind": kind, "message": message, **fields}


class SpellFailed(Exception):  # noqa: N818 - it mirrors the message FAILED
    """The guest said FAILED; `record` is what it said."""

    def __init__(self, record: dict[str, Any]) -> None:
        """Keep the error record."""
        super().__init__(record["kind"] + ": " + record["message"])
        self.record = record


LATER = object()


class Host:
    """One guest and what it said; `methods` maps "target.method" to Python functions."""

    def __init__(
        self,
        methods: Mapping[str, Callable[..., Any]] | None = None,
        *,
        memory_bytes: int | None = None,
        bridges: Mapping[str, Any] | None = None,
    ) -> None:
        """Make the guest; a method may return LATER, then the test answers by `answer`."""
        self.said: list[tuple[int, int, Any]] = []
        self.pending: list[tuple[int, Any, str, list[Any]]] = []
        self.calls: list[tuple[Any, str, list[Any]]] = []
        self.methods = {
            "t.echo": lambda *args: args[0] if args else None,
            "runtime.sleep": lambda _ms: None,
        }
        self.methods.update(methods or {})
        self.bridges = BRIDGES if bridges is None else bridges
        self._queue: list[tuple[int, Any, str, list[Any]]] = []
        self.clock_ms = 0
        self.guest = LuaGuest(self._emit, memory_bytes)

    def _emit(self, kind: int, id_: int, payload: bytes) -> None:
        value = decode(payload)
        self.said.append((kind, id_, value))
        if kind == CALL:
            self._queue.append((id_, *value))
            self.calls.append(tuple(value))

    def put(self, kind: int, id_: int, value: Any) -> None:
        """Deliver one message, then answer the calls it led to."""
        self.guest.put(kind, id_, encode(value), self.clock_ms)
        self._serve()

    def _serve(self) -> None:
        while self._queue:
            id_, target, method, args, *_ = self._queue.pop(0)
            function = self.methods.get(f"{target}.{method}")
            try:
                if function is None:
                    raise HostError("validation", f"no method {target}.{method}")  # noqa: TRY301
                value = function(*args)
            except HostError as error:
                self.guest.put(ERROR, id_, encode(error.record), self.clock_ms)
                continue
            if value is LATER:
                self.pending.append((id_, target, method, args))
            else:
                self.guest.put(RESULT, id_, encode(value), self.clock_ms)

    def start(self, source: str | bytes, **fields: Any) -> None:
        """Deliver START for this source; `fields` replace those of the start record."""
        record: dict[str, Any] = {
            "name": "spell.lua",
            "source": source,
            "params": {},
            "env": {},
            "seed": 7,
            "clock_ms": 1_700_000_000_000,
            "includes": {},
            "bridges": self.bridges,
            "limits": LIMITS,
        }
        record.update(fields)
        self.put(START, 0, record)

    def answer(self, call: int, value: Any) -> None:
        """Answer a call that a method left for later."""
        self.put(RESULT, call, value)

    @property
    def logs(self) -> list[tuple[str, str]]:
        """Every log so far: level and text."""
        return [tuple(value) for kind, _, value in self.said if kind == LOG]

    @property
    def texts(self) -> list[str]:
        """The texts of all logs."""
        return [text for _, text in self.logs]

    def of(self, kind: int) -> list[tuple[int, Any]]:
        """Messages of one kind: id and value."""
        return [(id_, value) for found, id_, value in self.said if found == kind]

    @property
    def result(self) -> Any:
        """What the spell returned; raises SpellFailed when it failed."""
        ends = [item for item in self.said if item[0] in (DONE, FAILED)]
        if len(ends) != 1:
            raise AssertionError(f"expected one end, got {self.said[-5:]}")
        kind, _, value = ends[0]
        if self.said[-1] is not ends[0]:
            raise AssertionError("the guest went on after the end")
        if kind == FAILED:
            raise SpellFailed(value)
        return value


def run(
    source: str | bytes, methods: Mapping[str, Callable[..., Any]] | None = None, **fields: Any
) -> Any:
    """Run a spell to its end and return its result."""
    host = Host(methods)
    host.start(source, **fields)
    return host.result


def failure(
    source: str | bytes, methods: Mapping[str, Callable[..., Any]] | None = None, **fields: Any
) -> dict[str, Any]:
    """Run a spell that fails and return its error record."""
    host = Host(methods, memory_bytes=fields.pop("memory_bytes", None))
    host.start(source, **fields)
    try:
        result = host.result
    except SpellFailed as error:
        return error.record
    raise AssertionError(f"the spell returned {result!r}")
