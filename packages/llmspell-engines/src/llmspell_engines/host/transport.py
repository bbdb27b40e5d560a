"""Frames over a socket, for the event loop.

Not an `asyncio.Protocol`: a failed write makes asyncio drop what the other side had still to
say, and a killed worker's last logs are exactly that.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING

from llmspell_engines.host.awake import Awake
from llmspell_engines.host.turns import Turns
from llmspell_engines.protocol import GUEST_KINDS, FrameReader, ProtocolViolation, frames
from llmspell_engines.quick import QUICK_S

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from llmspell_engines.host.turns import Turn

    OnMessage = Callable[[int, int, bytes], None]
    OnClosed = Callable[[ProtocolViolation | None], None]

HIGH_WATER_BYTES = 1024 * 1024
"""Unsent bytes above which `drain` waits."""
# below the size from which malloc maps fresh pages for every read
_READ_BYTES = 64 * 1024
_BATCH = 4
"""Messages delivered at once; whoever has said more waits for its turn, see `turns.py`."""
_LAST_BYTES = 1024 * 1024
"""The most that is read of a worker known to be dead: more than a socket holds."""
_JOINED_BYTES = 64 * 1024
"""Unsent frames are joined up to this size: as objects, empty answers would take five times it."""


class Transport:
    """One end of a worker's socket; everything happens in the loop's thread.

    `on_message(kind, id, payload)` is called for each message in order, `on_closed(violation)`
    once, after the last one.
    """

    def __init__(self, sock: socket.socket, on_message: OnMessage, on_closed: OnClosed) -> None:
        """Take over `sock` and start reading."""
        sock.setblocking(False)  # noqa: FBT003 - its only parameter
        self._sock = sock
        self._fd = sock.fileno()
        self._loop = asyncio.get_running_loop()
        self._on_message = on_message
        self._on_closed = on_closed
        self._reader = FrameReader(GUEST_KINDS, clock=False)
        self._unsent: deque[bytes | bytearray | memoryview] = deque()
        self._drained: list[asyncio.Future[None]] = []
        self._turns = Turns.of(self._loop)
        self._turn: Turn | None = None
        self._awake = Awake.of(self._loop)
        self._sent_at = 0.0
        self._quick = False
        self._paused = False
        self._reading = False
        self._writing = False
        self._broken = False
        self._ending = False
        self._last_bytes = _LAST_BYTES
        self.unsent_bytes = 0
        self.closed = False
        self._read(on=True)

    def send(
        self, kind: int, id: int, payload: bytes, clock_ms: int = 0, *, gather: bool = False
    ) -> None:
        """Send one message now, or as soon as the worker reads; to a dead worker: nothing.

        With `gather` it leaves in the next turn of the loop, with what else was sent until then:
        each write wakes the worker, which costs the host more than an answer does.
        """
        for frame in frames(kind, id, payload, clock_ms):
            if self._broken or self.closed:
                return
            rest: bytes | memoryview = frame
            if gather and not self._unsent:
                self._loop.call_soon(self._flush)
            elif not self._unsent:
                sent = self._try_send(frame)
                if sent == len(frame):
                    self._note_sent()
                    continue
                rest = memoryview(frame)[sent:]
                self._write(on=True)
            self.unsent_bytes += len(rest)
            last = self._unsent[-1] if self._unsent else None
            if isinstance(last, bytearray) and len(last) + len(rest) <= _JOINED_BYTES:
                last += rest
            else:
                self._unsent.append(bytearray(rest) if len(rest) < _JOINED_BYTES else rest)

    def _flush(self) -> None:
        if self._unsent:
            self._on_writable()
            self._write(on=bool(self._unsent))
            self._note_sent()

    def _note_sent(self) -> None:
        self._sent_at = perf_counter()
        if self._quick:
            self._awake.stay()

    async def drain(self) -> None:
        """Wait while more than `HIGH_WATER_BYTES` are unsent."""
        while self.unsent_bytes > HIGH_WATER_BYTES:
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._drained.append(waiter)
            await waiter

    def pause(self) -> None:
        """Deliver nothing until `resume`: the worker is held back once the socket is full."""
        self._paused = True
        self._read(on=False)

    def resume(self) -> None:
        """Deliver again, from the next turn of the loop on."""
        if self._paused:
            self._paused = False
            self._schedule()

    def expect_end(self) -> None:
        """Take what is in the socket now for the last of it: the worker is known to be dead.

        Its end may still be open elsewhere: in a child that the application forked at the wrong
        moment, for instance.
        """
        self._ending = True
        self._read(on=False)
        self._schedule()

    def read_out(self) -> None:
        """Deliver at once what the worker, which was killed, had said; then hang up."""
        self._paused = False
        try:
            while not self.closed:
                message = self._reader.take()
                if message is not None:
                    self._on_message(message[0], message[1], message[2])
                    continue
                data = self._sock.recv(_READ_BYTES) if self._last_bytes > 0 else b""
                self._last_bytes -= len(data)
                if not data:
                    break
                self._reader.feed(data)
        except (OSError, ProtocolViolation):
            # read to the end, or what was said is of no use
            pass
        self.close()

    def close(self) -> None:
        """Hang up: nothing more is sent or delivered, and `on_closed` is not called."""
        if self.closed:
            return
        self.closed = True
        self._read(on=False)
        self._drop_unsent()
        if self._turn is not None:
            self._turn.cancel()
        self._sock.close()

    # By number: asyncio asks for what is not registered, and the KeyError that it gets and drops
    # writes a socket with the addresses of both its ends, by two calls of the kernel.

    def _read(self, *, on: bool) -> None:
        if on and not self._reading:
            self._loop.add_reader(self._fd, self._on_readable)
        elif not on and self._reading:
            self._loop.remove_reader(self._fd)
        self._reading = on

    def _write(self, *, on: bool) -> None:
        if on and not self._writing:
            self._loop.add_writer(self._fd, self._on_writable)
        elif not on and self._writing:
            self._loop.remove_writer(self._fd)
        self._writing = on

    def _on_readable(self) -> None:
        try:
            data = self._sock.recv(_READ_BYTES)
        except (BlockingIOError, InterruptedError):
            if self._ending:
                self._end(None)
            return
        except OSError:
            # reset: the worker died with unread messages in its socket
            data = b""
        if self._ending:
            self._last_bytes -= len(data)
        if not data or self._last_bytes < 0:
            self._end(None)
            return
        self._quick = perf_counter() - self._sent_at < QUICK_S
        self._reader.feed(data)
        self._deliver()

    def _schedule(self) -> None:
        if self._turn is None and not self.closed:
            self._turn = self._turns.add(self._next_turn)

    def _next_turn(self) -> None:
        self._turn = None
        self._deliver()

    def _deliver(self) -> None:
        try:
            for _ in range(_BATCH):
                if self._paused or self.closed:
                    return
                message = self._reader.take()
                if message is None:
                    self._read_on()
                    return
                self._on_message(message[0], message[1], message[2])
        except ProtocolViolation as violation:
            self._end(violation)
            return
        self._read(on=False)
        self._schedule()

    def _read_on(self) -> None:
        if self._ending:
            # in a turn of its own: what its end is open elsewhere, too, may say is without end
            self._turn = self._turns.add(self._next_end)
        else:
            self._read(on=True)

    def _next_end(self) -> None:
        self._turn = None
        self._on_readable()

    def _end(self, violation: ProtocolViolation | None) -> None:
        if not self.closed:
            self.close()
            self._on_closed(violation)

    def _try_send(self, data: bytes | bytearray | memoryview) -> int:
        try:
            return self._sock.send(data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            # dead; what it said before is still to be read
            self._broken = True
            return len(data)

    def _on_writable(self) -> None:
        while self._unsent:
            data = self._unsent[0]
            sent = self._try_send(data)
            if self._broken:
                break
            self.unsent_bytes -= sent
            if sent < len(data):
                self._unsent[0] = memoryview(data)[sent:]
                break
            self._unsent.popleft()
        if self._broken or not self._unsent:
            self._drop_unsent()
        elif self.unsent_bytes <= HIGH_WATER_BYTES:
            self._wake()

    def _drop_unsent(self) -> None:
        self._write(on=False)
        self._unsent.clear()
        self.unsent_bytes = 0
        self._wake()

    def _wake(self) -> None:
        waiters, self._drained = self._drained, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
