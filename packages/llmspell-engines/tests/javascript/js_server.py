"""A zygote for the tests: V8 is initialised once, each case runs in a fork that may hang or die.

Reads requests from stdin and writes outcomes to stdout, each a MessagePack map after four bytes
of length.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from typing import Any

import msgspec

from llmspell_engines.javascript.guest import JavaScriptGuest, preload

CALL, DONE, FAILED = 65, 66, 67


def read_exactly(fd: int, size: int) -> bytes:
    """Read `size` bytes; fewer at the end of the stream."""
    data = b""
    while len(data) < size and (part := os.read(fd, size - len(data))):
        data += part
    return data


def run_case(request: dict[str, Any], out: int) -> None:
    """Drive one guest: the first puts, then an answer to each call, then the later puts."""
    emitted: list[tuple[int, int, bytes]] = []

    def emit(kind: int, id: int, payload: bytes) -> None:
        emitted.append((kind, id, payload))
        data = msgspec.msgpack.encode([kind, id, payload])
        os.write(out, len(data).to_bytes(4, "big") + data)

    guest = JavaScriptGuest(emit, request["memory_bytes"])
    answered = 0
    clock_ms = 0
    queue = list(request["puts"])
    while queue or answered < len(emitted):
        if answered < len(emitted):
            kind, id, payload = emitted[answered]
            answered += 1
            if kind != CALL:
                continue
            answer = find_answer(request["answers"], payload)
            if answer is None:
                continue
            clock_ms += 10
            guest.put(answer[0], id, answer[1], clock_ms)
            continue
        guest.put(*queue.pop(0))
    if request["close"]:
        guest.close()


def find_answer(answers: dict[str, Any], payload: bytes) -> tuple[int, bytes] | None:
    """Return kind and payload of the answer to a call, or None for no answer."""
    target, method, args, *_ = msgspec.msgpack.decode(payload)
    answer = answers.get(f"{target}.{method}", answers.get("*"))
    if answer is None:
        return None
    if answer == "echo":
        return 2, msgspec.msgpack.encode(args)
    if isinstance(answer[0], list):
        answer = answer.pop(0) if len(answer) > 1 else answer[0]
    return answer[0], answer[1]


def supervise(request: dict[str, Any]) -> dict[str, Any]:
    """Fork, run, collect what was emitted, and kill the child at the deadline."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            os.close(reader)
            run_case(request, writer)
            code = 0
        except BaseException:  # noqa: BLE001 - shown, and told by the exit code
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)
    os.close(writer)
    data = b""
    deadline = time.monotonic() + request["timeout_s"]
    timed_out = False
    while True:
        ready, _, _ = select.select([reader], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            timed_out = True
            os.kill(pid, signal.SIGKILL)
            break
        part = os.read(reader, 1 << 20)
        if not part:
            break
        data += part
    os.close(reader)
    _, status = os.waitpid(pid, 0)
    messages = []
    while data:
        size = int.from_bytes(data[:4], "big")
        messages.append(msgspec.msgpack.decode(data[4 : 4 + size]))
        data = data[4 + size :]
    exit_code = os.waitstatus_to_exitcode(status)
    return {"messages": messages, "exit": "timeout" if timed_out else exit_code}


def main() -> None:
    """Serve until stdin ends."""
    preload()
    threads = len(os.listdir("/proc/self/task"))
    hello = msgspec.msgpack.encode({"threads": threads, "modules": sorted(sys.modules)})
    os.write(1, len(hello).to_bytes(4, "big") + hello)
    while head := read_exactly(0, 4):
        request = msgspec.msgpack.decode(read_exactly(0, int.from_bytes(head, "big")))
        outcome = msgspec.msgpack.encode(supervise(request))
        view = memoryview(len(outcome).to_bytes(4, "big") + outcome)
        while view:
            view = view[os.write(1, view) :]


if __name__ == "__main__":
    main()
