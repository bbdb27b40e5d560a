"""A small scripted host for JavaScript guests, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

START, RESULT, ERROR, INVOKE, CANCEL, VALIDATE = range(1, 7)
CALL, DONE, FAILED, LOG, RETURN, RAISE, CANCEL_CALL, RELEASE = range(65, 73)

BRIDGES = {
    "t": {"methods": {"echo": 0, "fail": 0, "get_it": 0, "hold": 0, "stream": 1}},
    "tools": {"methods": {"list": 0}, "open": True},
    "workflow": {
        "methods": {},
        "builders": {"sequential": {"steps": ["add_step"], "methods": {"run": 0}}},
    },
}
LIMITS = {
    "depth": 64,
    "nodes": 200_000,
    "message_bytes": 16 << 20,
    "result_bytes": 10 << 20,
    "calls_in_flight": 64,
}


class Ext(NamedTuple):
    """An extension value: its code and its own data."""

    code: int
    data: Any


def handle(id: int, kind: str, **methods: int) -> Ext:
    """Make a handle as a host sends it."""
    return Ext(1, [id, kind, methods])


def text_record(content: str, **fields: Any) -> Ext:
    """Make a text record as a host sends it."""
    return Ext(3, {"content": content, **fields})


def encode(value: Any) -> bytes:
    """Encode a value; `Ext` inside it becomes an extension type."""
    return msgspec.msgpack.encode(_lower(value))


def _lower(value: Any) -> Any:
    if isinstance(value, Ext):
        return msgspec.msgpack.Ext(value.code, encode(value.data))
    if isinstance(value, dict):
        return {key: _lower(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_lower(item) for item in value]
    return value


def decode(payload: bytes) -> Any:
    """Decode a payload; extension types become `Ext`."""
    return _DECODER.decode(payload)


_DECODER = msgspec.msgpack.Decoder(
    ext_hook=lambda code, data: Ext(code, decode(bytes(data))),
)


class Message(NamedTuple):
    """One message of the guest."""

    kind: int
    id: int
    value: Any


class Outcome:
    """What a run said, and how its process ended: an exit code, or "timeout"."""

    def __init__(self, raw: dict[str, Any]) -> None:
        """Decode every message."""
        self.exit = raw["exit"]
        self.messages = [Message(kind, id, decode(data)) for kind, id, data in raw["messages"]]

    def all(self, kind: int) -> list[Message]:
        """Return the messages of one kind."""
        return [message for message in self.messages if message.kind == kind]

    @property
    def calls(self) -> list[Any]:
        """Return `[target, method, args]` of each call."""
        return [message.value for message in self.all(CALL)]

    @property
    def logs(self) -> list[str]:
        """Return the logged texts."""
        return [message.value[1] for message in self.all(LOG)]

    @property
    def done(self) -> Any:
        """Return the result; fail when there is none."""
        assert [m.kind for m in self.messages if m.kind in {DONE, FAILED}] == [DONE], self.messages
        assert self.exit == 0
        return self.all(DONE)[0].value

    @property
    def failed(self) -> dict[str, Any]:
        """Return the error record; fail when there is none."""
        assert [m.kind for m in self.messages if m.kind in {DONE, FAILED}] == [FAILED], (
            self.messages
        )
        record: dict[str, Any] = self.all(FAILED)[0].value
        return record


class Server:
    """The test's zygote; `run` runs one spell in a fork of it."""

    def __init__(self) -> None:
        """Start the process and wait until V8 is initialised in it."""
        here = Path(__file__).parent
        path = [str(here.parents[1] / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, str(here / "js_server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        )
        self.hello = self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        size = int.from_bytes(self._process.stdout.read(4), "big")
        answer: dict[str, Any] = msgspec.msgpack.decode(self._process.stdout.read(size))
        return answer

    def ask(
        self,
        puts: list[Any],
        answers: dict[str, Any] | None = None,
        *,
        memory_bytes: int | None = None,
        timeout_s: float = 20,
        close: bool = False,
    ) -> Outcome:
        """Deliver `puts`, each after the guest has come to rest, answering calls as they come."""
        request = {
            "puts": puts,
            "answers": {name: _answer(answer) for name, answer in (answers or {}).items()},
            "memory_bytes": memory_bytes,
            "timeout_s": timeout_s,
            "close": close,
        }
        data = msgspec.msgpack.encode(request)
        assert self._process.stdin is not None
        self._process.stdin.write(len(data).to_bytes(4, "big") + data)
        self._process.stdin.flush()
        return Outcome(self._read())

    def run(
        self,
        source: str,
        answers: dict[str, Any] | None = None,
        *,
        then: list[Any] | None = None,
        memory_bytes: int | None = None,
        timeout_s: float = 20,
        close: bool = False,
        **start: Any,
    ) -> Outcome:
        """Run `source`; `answers` maps ``bridge.method`` to a value, see `error` and `hold`."""
        record = {
            "name": "spell.js",
            "source": source,
            "params": {},
            "env": {},
            "seed": 7,
            "clock_ms": 1_700_000_000_000,
            "includes": {},
            "bridges": BRIDGES,
            "limits": LIMITS,
            **start,
        }
        puts = [[START, 0, encode(record), 0], *(then or [])]
        return self.ask(puts, answers, memory_bytes=memory_bytes, timeout_s=timeout_s, close=close)

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=10)


class Failing(NamedTuple):
    """An answer that is an error."""

    record: dict[str, Any]


class InTurn(NamedTuple):
    """Answers given one after the other; the last one again and again."""

    answers: list[Any]


ECHO = "echo"


def _answer(answer: Any) -> Any:
    if isinstance(answer, InTurn):
        return [_answer(item) for item in answer.answers]
    if isinstance(answer, Failing):
        return [ERROR, encode(answer.record)]
    return answer if answer == ECHO else [RESULT, encode(answer)]
