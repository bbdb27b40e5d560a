"""Run one spell in JavaScript: the engine's side of the protocol, see `docs/protocol.md`.

All that happens inside the engine is written in JavaScript, in `prelude/`. Python passes bytes:
a message in through shared memory and one call, messages out through shared memory and a bell,
which rings on V8's thread while the script stands still. So what was logged before an endless
loop has left, and no value of the script's ever meets mini-racer's own conversion.
"""

from __future__ import annotations

import ctypes
import re
from os import path
from struct import Struct
from typing import TYPE_CHECKING

import msgspec

from llmspell_engines.javascript.v8 import Isolate, V8Error, load, version
from llmspell_engines.protocol import DONE, FAILED, MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

PRELUDE = (
    "primordials",
    "errors",
    "codec",
    "handles",
    "streams",
    "calls",
    "text",
    "hash",
    "stdlib",
    "spell",
)
"""The prelude's files, in the order in which they are joined into one function."""

_HEADER = Struct("=IIII")
"""In: kind, id, length, clock_ms. Out: kind, id, length, whether more follows."""
_HEADER_BYTES = 32
_IN_BYTES = 65536
_SYNTAX = 0
"""The prelude's own message kind: a body that does not compile, `[name, source, message]`."""

_POSITION = re.compile(r"^[^\n]*?:(\d+): SyntaxError: ([^\n]*)\n(?:[^\n]*\n( *)\^)?")
_LINE_END = re.compile("\r\n|[\n\r\u2028\u2029]")
"""What ends a line in JavaScript."""
_source = ""


def preload() -> None:
    """Initialise V8 and read the prelude: what every worker forked from here shares.

    No isolate is made: a process with V8's threads could not be forked. See
    `findings/isolation.md`; exactly one thread is left.
    """
    global _source  # noqa: PLW0603 - read once per process
    load()
    if not _source:
        folder = path.join(path.dirname(__file__), "prelude")
        parts = ['(() => {"use strict";']
        for name in PRELUDE:
            with open(path.join(folder, name + ".js"), encoding="utf-8") as file:
                parts.append(file.read())
        parts.append("})()\n//# sourceURL=llmspell")
        _source = "\n".join(parts)


class JavaScriptGuest:
    """One V8 isolate that runs one spell; `emit(kind, id, payload)` takes its messages."""

    engine = "javascript"

    def __init__(self, emit: Callable[[int, int, bytes], None], memory_bytes: int | None) -> None:
        """Make the isolate; `memory_bytes` bounds its heap, None is unlimited."""
        preload()
        self.version = f"V8 {version()}"
        self._emit = emit
        self._memory_bytes = memory_bytes
        self._parts = b""
        self._syntax: bytes | None = None
        self._failure: BaseException | None = None
        self._ended = False
        self._running = False
        self._isolate = Isolate(_source, self._on_bell)
        if memory_bytes is not None:
            self._isolate.limit_memory(memory_bytes)

    def put(self, kind: int, id: int, payload: bytes, clock_ms: int) -> None:
        """Deliver one message and run the engine until nothing is ready.

        Raises:
            BaseException: only what `emit` raised; never what a script does.
        """
        if self._ended:
            return
        self._running = True
        try:
            if len(payload) > _IN_BYTES:
                self._isolate.write_large(payload)
            else:
                ctypes.memmove(self._isolate.address + _HEADER_BYTES, payload, len(payload))
            header = _HEADER.pack(kind, id, len(payload), clock_ms)
            ctypes.memmove(self._isolate.address, header, _HEADER.size)
            self._isolate.call()
        except V8Error:
            self._fail_memory()  # no room for the message
        self._running = False
        if self._failure is not None:
            raise self._failure
        if self._isolate.out_of_memory:
            self._fail_memory()
        elif self._syntax is not None:
            self._fail_syntax(self._syntax)

    def _on_bell(self) -> None:
        """Take one chunk of a message out of the shared memory, on V8's thread."""
        isolate = self._isolate
        kind, id, length, more = _HEADER.unpack(ctypes.string_at(isolate.address, _HEADER.size))
        start = _HEADER_BYTES + _IN_BYTES
        if self._ended or self._failure or length > isolate.bytes - start:
            return
        self._parts += ctypes.string_at(isolate.address + start, length)
        if more and len(self._parts) <= MESSAGE_BYTES:
            return
        payload, self._parts = self._parts, b""
        if kind == _SYNTAX:
            self._syntax = payload
            return
        self._send(kind, id, payload)

    def _send(self, kind: int, id: int, payload: bytes) -> None:
        self._ended = kind in {DONE, FAILED}
        try:
            self._emit(kind, id, payload)
        except BaseException as error:  # noqa: BLE001 - raised again by `put`, on its own thread
            self._failure = error

    def _fail(self, **record: object) -> None:
        if not self._ended:
            self._send(FAILED, 0, msgspec.msgpack.encode(record))
            if self._failure is not None:
                raise self._failure

    def _fail_memory(self) -> None:
        self._fail(
            kind="limit",
            message="the spell used more memory than it may",
            details={"limit": "memory", "value": self._memory_bytes},
            traceback=[],
        )

    def _fail_syntax(self, payload: bytes) -> None:
        """Find the line of a syntax error, which V8 tells for a script but not for a function.

        The body is compiled inside a function of a script that ends in an error of ours: so the
        script as a whole never compiles, and nothing of it can run, whatever the body closes.
        """
        name, source, message = msgspec.msgpack.decode(payload)
        text = self._isolate.syntax_error(f"(async function () {{\n{source}\n}});\n?!")
        found = _POSITION.match(text)
        frame: dict[str, object] = {"name": name, "line": 1}
        lines = len(_LINE_END.split(source))
        line = int(found[1]) - 1 if found else 0
        if found and 1 <= line <= lines:
            message = found[2]
            frame["line"] = line
            if found[3] is not None:
                frame["column"] = len(found[3]) + 1
        elif line == lines + 1:
            # what follows the body does not fit: something in it is still open
            message = "Unexpected end of input"
            frame["line"] = lines
        self._fail(kind="syntax", message=message, traceback=[frame])

    def close(self) -> None:
        """Free the isolate, unless a script still runs in it: then only the process' end helps."""
        self._ended = True
        if not self._running:
            self._running = True
            self._isolate.close()
