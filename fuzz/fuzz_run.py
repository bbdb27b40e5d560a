"""Messages over a socket into a whole run: a result or a typed error, and nothing left of it."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from llmspell_core.bridge import Bridge, Builder, Callback, Handle, method
from llmspell_core.errors import LlmspellError
from llmspell_core.limits import Limits
from llmspell_core.session import Session
from llmspell_engines import protocol as p
from llmspell_engines.host.run import Run
from llmspell_engines.host.worker import Worker

WAIT = 0
"""In the place of a message: the host has its turns before the next one."""
_TURNS = 6
_READY = b"".join(p.frames(p.READY, 0, msgspec.msgpack.encode({"level": "inproc"})))
_HEAD = 4
_KINDS = p.RELEASE - p.READY + 1
_LIMITS = Limits(timeout_s=5.0, cpu_s=None, handles=20, log_bytes=1000, result_bytes=1000)


class Thing(Handle):
    """An object that scripts hold."""

    type_name = "thing"
    open = 0

    def __init__(self) -> None:
        """Count it."""
        Thing.open += 1

    @method()
    async def poke(self, other: Any = None) -> Any:
        """Give back what it gets."""
        return other

    async def close(self) -> None:
        """Count it off."""
        Thing.open -= 1


class Flow(Builder):
    """Steps that are sent whole."""

    name = "flow"
    steps = ("add_step",)

    def __init__(self, title: str) -> None:
        """Begin."""
        self.functions: list[Callback] = []
        self.title = title

    def add_step(self, name: str, function: Callback | None = None) -> None:
        """Take a step."""
        self.title += name
        self.functions += [function] if function else []

    @method()
    async def run(self, value: Any) -> Any:
        """Call every function."""
        return [await function(value) for function in self.functions[:3]]


class Demo(Bridge):
    """One method of each shape."""

    name = "demo"
    builders = (Flow,)

    @method()
    async def echo(self, value: Any) -> Any:
        """Give back what it gets."""
        return value

    @method()
    async def typed(
        self, number: int, names: list[str], options: dict[str, float] | None = None
    ) -> int:
        """Take what is converted."""
        return number + len(names) + len(options or {})

    @method()
    async def run(self, function: Callback, value: Any) -> Any:
        """Call the script's function, twice."""
        return [await function(value), await function(1)]

    @method()
    async def give(self) -> Thing:
        """Give out an object."""
        return Thing()

    @method()
    async def take(self, thing: Thing) -> Thing:
        """Take an object back."""
        return thing

    @method()
    async def count(self, most: int) -> AsyncIterator[int]:
        """Count up."""
        for number in range(min(most, 10)):
            yield number

    @method()
    async def wait(self) -> None:
        """Wait until cancelled."""
        await asyncio.Event().wait()


def pieces_of(data: bytes) -> list[bytes]:
    """Write the messages that `data` stands for as frames, cut where it waits; see `seeds.py`."""
    found, at = [bytearray()], 0
    while at + _HEAD <= len(data):
        if data[at] == WAIT:
            found.append(bytearray())
            at += 1
            continue
        kind, number = p.READY + (data[at] - p.READY) % _KINDS, data[at + 1]
        size = int.from_bytes(data[at + 2 : at + _HEAD], "big")
        for frame in p.frames(kind, number, data[at + _HEAD : at + _HEAD + size]):
            found[-1] += frame
        at += _HEAD + size
    return [bytes(piece) for piece in found]


_loop = asyncio.new_event_loop()
_logged: list[dict[str, Any]] = []
_loop.set_exception_handler(lambda _, context: _logged.append(context))


def one_input(data: bytes) -> None:
    """Run one spell whose worker says what `data` stands for, and then ends."""
    _loop.run_until_complete(_one(pieces_of(data)))
    if _logged:
        raise AssertionError(f"the loop logged {_logged}")


async def _one(pieces: list[bytes]) -> None:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)  # noqa: FBT003 - its only parameter
    theirs.send(_READY)
    # a worker without a process: its socket's other end is the fuzzer's
    worker = Worker(ours, threaded=True)
    await worker.ready()
    saying = asyncio.ensure_future(_say(theirs, pieces))
    session = Session(bridges={"demo": Demo()}, name="fuzz.x", limits=_LIMITS)
    run = Run(worker, session)
    try:
        await run.execute(p.START, b"\xc0")
    except LlmspellError as error:
        str(error)
    finally:
        saying.cancel()
        theirs.close()
        await worker.stop()
        await session.close()
    await asyncio.wait([saying])
    _nothing_left(run, session)


async def _say(sock: socket.socket, pieces: list[bytes]) -> None:
    for piece in pieces:
        if piece:
            sock.send(piece)
        for _ in range(_TURNS):
            await asyncio.sleep(0)
    sock.shutdown(socket.SHUT_WR)


def _nothing_left(run: Run, session: Session) -> None:
    me = asyncio.current_task()
    tasks = [task for task in asyncio.all_tasks() if task is not me and not task.done()]
    left = {
        "tasks": tasks,
        "calls": run._calls,  # noqa: SLF001 - what a run may leave is what this looks for
        "bytes": run._flow._bytes,  # noqa: SLF001
        "callbacks": run._flow._callbacks,  # noqa: SLF001
        "handles": len(session.handles),
        "things": Thing.open,
    }
    if any(left.values()):
        gc.collect()
        raise AssertionError(f"left behind: {left}")
