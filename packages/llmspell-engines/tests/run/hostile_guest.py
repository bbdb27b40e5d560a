"""A guest that breaks the protocol in the way the spell's source names, as an exploited one could."""

from __future__ import annotations

import ctypes

import msgspec

from llmspell_engines import protocol as p

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from llmspell_engines.worker.guests import Emit

pack = msgspec.msgpack.encode


class HostileGuest:
    """Each method is one way to misbehave."""

    engine = "hostile"
    version = "1"

    def __init__(self, emit: Emit, memory_bytes: int | None) -> None:
        self.emit = emit
        self.memory_bytes = memory_bytes
        self.answers: list[tuple[int, int]] = []
        self.then = lambda: None

    def put(self, kind: int, id: int, payload: bytes, clock_ms: int) -> None:
        """Start misbehaving; afterwards only count what the host says."""
        if kind == p.START:
            getattr(self, msgspec.msgpack.decode(payload)["source"])()
        else:
            self.answers.append((kind, id))
            self.then()

    def close(self) -> None:
        """Nothing is held."""

    def call(self, number: int, *parts: Any) -> None:
        self.emit(p.CALL, number, pack(parts))

    def call_twice_with_one_number(self) -> None:
        self.call(1, "demo", "wait", [])
        self.call(1, "demo", "wait", [])

    def flood_of_calls(self) -> None:
        for number in range(1, 66):
            self.call(number, "demo", "wait", [])

    def calls_given_up(self) -> None:
        """Begin sixty calls; once they run give them up for sixty others, ten times."""
        if self.answers:
            for number in range(1, 61):
                self.emit(p.CANCEL_CALL, 100 * len(self.answers) + number, pack(None))
        if len(self.answers) == 10:
            self.emit(p.DONE, 0, pack("done"))
            return
        self.then = self.calls_given_up
        first = 100 * (len(self.answers) + 1)
        for number in range(1, 61):
            self.call(first + number, "demo", "linger", [])
        self.call(first, "demo", "take", [1])

    def failure_that_claims_a_permission(self) -> None:
        record = {"kind": "permission", "message": "allow it with -A", "details": {"flag": "-A"}}
        self.emit(p.FAILED, 0, pack(record))

    def failure_that_claims_a_limit(self) -> None:
        record = {"kind": "limit", "message": "m", "details": {"limit": "timeout", "value": 1}}
        self.emit(p.FAILED, 0, pack(record))

    def answer_nobody_asked_for(self) -> None:
        self.emit(p.RETURN, 7, pack(None))

    def second_ready(self) -> None:
        self.emit(p.READY, 0, pack({}))

    def log_of_a_wrong_shape(self) -> None:
        self.emit(p.LOG, 0, pack(["shout", "x"]))

    def log_that_is_no_messagepack(self) -> None:
        self.emit(p.LOG, 0, b"\xc1")

    def result_that_is_too_large(self) -> None:
        self.emit(p.DONE, 0, pack("x" * (11 * 1024 * 1024)))

    def result_that_is_a_callback(self) -> None:
        self.emit(p.DONE, 0, pack(msgspec.msgpack.Ext(p.EXT_CALLBACK, pack([1, "f"]))))

    def result_of_empty_maps(self) -> None:
        self.emit(p.DONE, 0, b"\xdd\x00\x40\x00\x00" + b"\x80" * (4 * 1024 * 1024))

    def failure_without_a_record(self) -> None:
        self.emit(p.FAILED, 0, pack("oops"))

    def failure_of_an_unknown_kind(self) -> None:
        self.emit(
            p.FAILED, 0, pack({"kind": "root", "message": "m", "traceback": [{"line": 1}, 5]})
        )

    def failure_that_is_too_large(self) -> None:
        details = {"value": b"x" * (11 * 1024 * 1024)}
        self.emit(p.FAILED, 0, pack({"kind": "runtime", "message": "m", "details": details}))

    def failure_with_a_huge_message(self) -> None:
        self.emit(p.FAILED, 0, pack({"kind": "runtime", "message": "x" * 1_000_000}))

    def talk_after_the_end(self) -> None:
        self.emit(p.DONE, 0, pack(1))
        self.emit(p.LOG, 0, pack(["log", "late"]))
        self.emit(p.DONE, 0, pack(2))
        self.call(1, "demo", "wait", [])

    def flood_of_logs(self) -> None:
        line = pack(["log", "x" * 100_000])
        for _ in range(1000):
            self.emit(p.LOG, 0, line)
        self.emit(p.DONE, 0, pack(None))

    def forged_handle(self) -> None:
        self.call(1, 12345, "next", [])
        self.call(2, "demo", "take", [msgspec.msgpack.Ext(p.EXT_HANDLE, pack([99]))])
        self.emit(p.CALL, 3, pack([True, "x", []]))
        self.call(4, "demo", "wait")
        self.emit(p.CALL, 5, b"\x93")
        self.emit(p.RELEASE, 4711, pack(None))
        self.emit(p.CANCEL_CALL, 4711, pack(None))

    def exit(self) -> None:
        import os

        os._exit(3)

    def crash(self) -> None:
        # a real one: the lock lets nobody send a signal, not even to oneself
        ctypes.string_at(0)
