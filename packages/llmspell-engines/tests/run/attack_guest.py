"""A guest that attacks its host for as long as it lives, in the way the spell's source names."""

from __future__ import annotations

import os
import time

import msgspec

from llmspell_engines import protocol as p

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from llmspell_engines.worker.guests import Emit

MIB = 1 << 20
pack = msgspec.msgpack.encode
FUNCTION = msgspec.msgpack.Ext(p.EXT_CALLBACK, pack([1, "f"]))


def chains(count: int) -> bytes:
    """Write a list of 59 lists in one another, `count` times: what is slowest to judge."""
    return b"\xdd" + count.to_bytes(4, "big") + (b"\x91" * 58 + b"\x90") * count


def wide(size: int) -> bytes:
    """Write a text that takes four times its bytes once decoded."""
    return pack("x" * (size - 10) + "\U0001f600")


class AttackGuest:
    """Each method is an attack; `arrive` is what it does with every answer."""

    engine = "attack"
    version = "1"

    def __init__(self, emit: Emit, memory_bytes: int | None) -> None:
        self.emit = emit
        self.number = 0
        self.arrive: Any = None

    def put(self, kind: int, id: int, payload: bytes, clock_ms: int) -> None:
        """Begin the attack, or go on with it."""
        if kind == p.START:
            getattr(self, msgspec.msgpack.decode(payload)["source"])()
        elif self.arrive is not None:
            self.arrive(kind, id)

    def close(self) -> None:
        """Nothing is held."""

    def call(self, method: str, *args: Any) -> None:
        self.number += 1
        self.emit(p.CALL, self.number, pack(["demo", method, list(args)]))

    def call_raw(self, method: str, argument: bytes) -> None:
        """Call with an argument that is MessagePack already."""
        self.number += 1
        self.emit(p.CALL, self.number, b"\x93" + pack("demo") + pack(method) + b"\x91" + argument)

    def again(self, times: int, *call: Any) -> None:
        """Make a call some times at once, and one more for each answer."""
        self.arrive = lambda kind, id: self.call_raw(*call)
        for _ in range(times):
            self.call_raw(*call)

    # -- taking time ----------------------------------------------------------------------

    def flood_of_logs(self) -> None:
        while True:
            self.emit(p.LOG, 0, b"\x92\xa5debug\xa0")

    def flood_of_calls(self) -> None:
        self.again(64, "take", b"\x05")

    def flood_of_errors(self) -> None:
        self.again(64, "x" * 256, b"\x05")

    def nested_lists(self) -> None:
        self.again(64, "take", chains(3370))

    def many_text_records(self) -> None:
        record = bytes(msgspec.msgpack.encode(msgspec.msgpack.Ext(3, pack({"content": ""}))))
        self.again(64, "take", b"\xdd" + (3800).to_bytes(4, "big") + record * 3800)

    def megabytes(self) -> None:
        self.again(64, "take", wide(15 * MIB))

    def drip(self) -> None:
        """Write one call after another, a byte at a time."""
        while True:
            self.number += 1
            (frame,) = p.frames(p.CANCEL_CALL, self.number, pack(None))
            for at in range(len(frame)):
                os.write(3, frame[at : at + 1])

    def a_chunk_that_is_not_full(self) -> None:
        os.write(3, p.HEADER.pack(1, p.CALL, p.MORE, 1, 0) + b"x")

    def releases(self) -> None:
        while True:
            self.emit(p.RELEASE, 4711, b"\xc0")

    # -- silence --------------------------------------------------------------------------

    def half_a_frame(self) -> None:
        os.write(3, p.HEADER.pack(1000, p.DONE, 0, 0, 0) + b"x" * 500)

    def half_a_header(self) -> None:
        os.write(3, b"\0\0")

    def hang_up(self) -> None:
        import socket

        socket.socket(fileno=os.dup(3)).shutdown(socket.SHUT_RDWR)
        time.sleep(60)

    # -- taking memory --------------------------------------------------------------------

    def heap_of_maps(self) -> None:
        """Keep as many calls open as there may be, each of 400 KB that take 30 MB."""
        for _ in range(64):
            self.call_raw(
                "wait", b"\xdd" + (66_000).to_bytes(4, "big") + b"\x81\xa1k\xcd\1\1" * 66_000
            )

    def heap_of_texts(self) -> None:
        for _ in range(64):
            self.call_raw("wait", wide(15 * MIB))

    def failing_calls(self) -> None:
        """Let a thousand errors be remembered, each of a call of 8 MiB."""
        for _ in range(1000):
            self.call_raw("nothing", pack("x" * (8 * MIB)))

    def unread_answers(self) -> None:
        """Ask for a megabyte, and never read one."""
        while True:
            self.call("big")

    def heap_of_returns(self) -> None:
        """Let the host call a function at once a hundred times, and answer with much."""
        answer = b"\xdd" + (66_000).to_bytes(4, "big") + b"\x81\xa1k\xcd\1\1" * 66_000
        self.arrive = lambda kind, id: self.emit(p.RETURN, id, answer)
        self.call("gather", FUNCTION, 100)

    def unread_errors(self) -> None:
        while True:
            self.call_raw("x" * 200, b"\x05")

    def heavy_call_with_a_function(self) -> None:
        """Give a call as much as the host may hold, and answer the function it calls."""
        self.arrive = self._answer
        self.number += 1
        args = b"\x92" + wide(12 * MIB) + pack(FUNCTION)
        self.emit(p.CALL, self.number, b"\x93" + pack("demo") + pack("lend") + args)

    def _answer(self, kind: int, id: int) -> None:
        if kind == p.INVOKE:
            self.emit(p.RETURN, id, pack("returned"))
        else:
            self.emit(p.DONE, 0, pack("done"))

    def leave_a_child(self) -> None:
        """End, and leave somebody behind who goes on writing where this one's words stood."""
        if os.fork() == 0:
            try:
                while True:
                    os.write(3, b"\0\0\0\6\x44\0\0\0\0\0\0\0\0\0\x92\xa3log\xa0")
            finally:
                os._exit(0)
        # until it is in full flow
        time.sleep(0.2)
        os._exit(3)

    def endless_message(self) -> None:
        chunk = p.HEADER.pack(MIB, p.LOG, p.MORE, 0, 0) + bytes(MIB)
        while True:
            self.write(chunk)

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(3, view) :]
