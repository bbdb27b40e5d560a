"""Run one spell in JavaScript: the engine's side of the protocol, see `docs/protocol.md`.

All that happens inside the engine is written in JavaScript, in `prelude/`. Python passes bytes:
a message in through shared memory and one call, messages out through shared memory and a bell,
which rings on V8's thread while the script stands still. So what was logged before an endless
loop has left, and no value of the script's ever meets mini-racer's own conversion.
"""

from __future__ import annotations

import ctypes
from os import path
from struct import Struct

from llmspell_engines.javascript.v8 import Isolate, V8Error, load, version
from llmspell_engines.protocol import DONE, FAILED, MESSAGE_BYTES
from llmspell_engines.worker.pack import pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_engines.worker.pack import Plain

PRELUDE = (
    "primordials",
    "errors",
    "writer",
    "plain",
    "reader",
    "handles",
    "streams",
    "calls",
    "buffers",
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
"""The prelude's own message kind: a body does not compile. Its name, its source, V8's message."""

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
        self._syntax: list[str] = []
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
        elif self._syntax:
            self._fail_syntax(*self._syntax)

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
            self._syntax.append(payload.decode())
            return
        self._send(kind, id, payload)

    def _send(self, kind: int, id: int, payload: bytes) -> None:
        self._ended = kind in {DONE, FAILED}
        try:
            self._emit(kind, id, payload)
        except BaseException as error:  # noqa: BLE001 - raised again by `put`, on its own thread
            self._failure = error

    def _fail(self, payload: bytes) -> None:
        if not self._ended:
            self._send(FAILED, 0, payload)
            if self._failure is not None:
                raise self._failure

    def _fail_memory(self) -> None:
        details: dict[str, Plain] = {"limit": "memory", "value": self._memory_bytes}
        message = "the spell used more memory than it may"
        self._fail(pack({"kind": "limit", "message": message, "details": details}))

    def _fail_syntax(self, name: str, source: str, message: str) -> None:
        """Find the line of a syntax error, which V8 tells for a script but not for a function.

        The body is compiled inside a function of a script that ends in an error of ours: so the
        script as a whole never compiles, and nothing of it can run, whatever the body closes.
        """
        text = self._isolate.syntax_error(f"[async function () {{\n{source}\n}}];\n?!")
        line, column, found = _position(text)
        lines = _count_lines(source)
        frame: dict[str, Plain] = {"name": name, "line": 1}
        if 1 <= line - 1 <= lines:
            message = found
            frame["line"] = line - 1
            if column:
                frame["column"] = column
        elif line - 1 == lines + 1:
            # what follows the body does not fit: something in it is still open
            message = "Unexpected end of input"
            frame["line"] = lines
        # `pack` writes no lists: a list of one is a byte and its item
        record = pack({"kind": "syntax", "message": message, "traceback": ""})
        self._fail(record.removesuffix(pack("")) + b"\x91" + pack(frame))

    def close(self) -> None:
        """Free the isolate, unless a script still runs in it: then only the process' end helps."""
        self._ended = True
        if not self._running:
            self._running = True
            self._isolate.close()


def _position(text: str) -> tuple[int, int, str]:
    """Read line, column (0: unknown) and message out of what mini-racer says of a syntax error.

    ``<anonymous>:3: SyntaxError: Unexpected token '='``, the line of source, and marks below it.
    """
    head, _, rest = text.partition("\n")
    where, found, message = head.partition(": SyntaxError: ")
    line = where.rpartition(":")[2]
    if not found or not line.isdecimal():
        return 0, 0, ""
    marks = rest.partition("\n")[2].partition("\n")[0]
    return int(line), marks.find("^") + 1, message


def _count_lines(source: str) -> int:
    """Count lines as JavaScript does."""
    ends = source.count("\n") + source.count("\r") - source.count("\r\n")
    return 1 + ends + source.count("\u2028") + source.count("\u2029")
