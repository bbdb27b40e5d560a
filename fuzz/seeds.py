"""The seed corpus: small valid inputs for each target, from which the fuzzer goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_engines import protocol as p

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FRAME = 64
"""The largest frame that `fuzz_frames` lets pass: small inputs are to have messages of many."""
pack = msgspec.msgpack.encode
FUNCTION = msgspec.msgpack.Ext(p.EXT_CALLBACK, pack([1, "f"]))
HANDLE = msgspec.msgpack.Ext(p.EXT_HANDLE, pack([1]))
TEXT = msgspec.msgpack.Ext(p.EXT_TEXT_RECORD, pack({"content": "hello", "usage": {"tokens": 3}}))
_STEPS = [["add_step", ["first", FUNCTION]], ["add_step", ["second"]]]
BUILDER = msgspec.msgpack.Ext(p.EXT_BUILDER, pack(["demo", "flow", ["title"], _STEPS]))

VALUES: tuple[Any, ...] = (
    None,
    [True, -1, 2**63 - 1, 1.5, "text", b"bytes"],
    {"messages": [{"role": "user", "content": "é\U0001f600"}], "n": float("nan")},
    [[[[["deep"]]]], {"a": {"b": {"c": {}}}}],
    [HANDLE, TEXT, {"k" * 40: "x" * 300}],
    [0] * 70,
)
RECORDS: tuple[Any, ...] = (
    {"kind": "runtime", "message": "m", "traceback": [{"name": "a.lua", "line": 3}], "ref": 1},
    {"kind": "limit", "message": "m", "details": {"limit": "memory", "value": 1}},
    {"kind": "rate_limit", "message": "m", "retryable": True, "details": {"retry_after_s": 2}},
    {
        "kind": "network",
        "message": "m",
        "retryable": "yes",
        "traceback": [{"name": 1, "line": 2}, 5],
    },
    {"kind": "nonsense", "message": 5, "bridge": "b", "method": "m", "details": {"value": TEXT}},
)
CALLS: tuple[Any, ...] = (
    ["demo", "echo", [{"a": 1}]],
    ["demo", "typed", [1, ["a"]], 0],
    ["demo", "run", [FUNCTION, 2], 1],
    ["demo", "give", []],
    [1, "next", [8]],
    ["demo", "count", [3]],
    ["demo", "flow.run", [BUILDER, 5]],
    ["demo", "wait", []],
    ["runtime", "sleep", [0]],
    ["nobody", "x", [HANDLE]],
)


def message(kind: int, number: int, payload: bytes) -> bytes:
    """Write a message as `fuzz_run` reads it: kind, id, the length in two bytes, the payload."""
    return bytes([kind, number]) + len(payload).to_bytes(2, "big") + payload


def _frames() -> Iterator[bytes]:
    said = [b"".join(p.frames(p.CALL, 1, pack(value))) for value in VALUES]
    yield from (b"\x00" + stream for stream in said)
    yield from (b"\x80" + pack(value) for value in (*VALUES, *CALLS))
    yield b"\x03" + b"".join(said)
    payload = pack("x" * (3 * FRAME - 10))
    for size in (0x00, 0x11):
        stream = b"".join(
            p.HEADER.pack(FRAME if more else len(payload) - at, p.DONE, more, 0, 0)
            + payload[at : at + FRAME]
            for at, more in ((0, p.MORE), (FRAME, p.MORE), (2 * FRAME, 0))
        )
        yield bytes([size]) + stream


def _run() -> Iterator[bytes]:
    wait = bytes([0])
    end = wait + message(p.DONE, 0, pack({"done": TEXT}))
    for number, call in enumerate(CALLS, 1):
        yield message(p.CALL, number, pack(call)) + end
    yield b"".join(message(p.CALL, n, pack(call)) for n, call in enumerate(CALLS, 1)) + end
    called = message(p.CALL, 1, pack(["demo", "run", [FUNCTION, 2]])) + wait
    inner = message(p.CALL, 2, pack(["demo", "echo", [1], 1])) + wait
    returned = [message(p.RETURN, number, pack(number)) for number in (1, 2)]
    yield called + inner + wait.join(returned) + end
    flow = message(p.CALL, 1, pack(["demo", "flow.run", [BUILDER, 5]]))
    yield flow + wait + returned[0] + end
    stream = message(p.CALL, 1, pack(["demo", "count", [3]])) + wait
    pull = message(p.CALL, 2, pack([1, "next", [2]])) + wait
    yield stream + pull + message(p.RELEASE, 1, pack(None)) + end
    yield called + message(p.RAISE, 1, pack(RECORDS[2])) + end
    yield called + message(p.CANCEL_CALL, 1, pack(None)) + wait + returned[0] + end
    yield message(p.CALL, 1, pack(["demo", "give", []])) + wait + message(p.CALL, 2, pack(CALLS[4]))
    yield message(p.LOG, 0, pack(["info", "x"])) + message(p.RELEASE, 1, pack(None))
    yield from (message(p.FAILED, 0, pack(record)) for record in RECORDS)


def _records() -> Iterator[bytes]:
    for value in (*RECORDS, *CALLS, *VALUES):
        yield pack(value)


def write(target: str, folder: Path) -> None:
    """Write the seeds of a target into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    makers = {"fuzz_frames": _frames, "fuzz_run": _run, "fuzz_records": _records}
    for number, seed in enumerate(makers[target]()):
        (folder / f"seed-{number:02}").write_bytes(seed)
