"""The pump: hands each message of the host to the guest, and the guest's messages to the host."""

from __future__ import annotations

import os
from _thread import allocate_lock
from time import perf_counter

from llmspell_engines.protocol import HOST_KINDS, READY, FrameReader, frames
from llmspell_engines.quick import QUICK_S
from llmspell_engines.worker.pack import pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_engines.worker.guests import Guest
    from llmspell_engines.worker.pack import Plain

# below the size from which malloc maps fresh pages for every read
_READ_BYTES = 64 * 1024

try:
    # the module under `socket`, which costs 17 ms less to import
    from _socket import AF_UNIX, MSG_DONTWAIT, SOCK_STREAM, socket
    from os import sched_yield
except ImportError:  # Windows lacks most of them
    _CAN_LOOK = False
else:
    _CAN_LOOK = True


class Pump:
    """Blocking reads and writes on one end of a socket pair.

    While the guest runs nothing is read, so a host that sends too much is held back by the
    socket; while the host does not read, the guest waits in `emit` and does not grow.
    """

    def __init__(self, fd: int, *, awake: bool = False) -> None:
        """Take the descriptor `fd`, which stays the caller's to close.

        `awake` is for a process of its own beside its host, on a processor of its own: an answer
        that will come soon is waited for without going to sleep, see `host/awake.py`.
        """
        self._fd = fd
        self._socket = socket(AF_UNIX, SOCK_STREAM, 0, fd) if awake and _CAN_LOOK else None
        self._quick = False
        # V8's own thread emits too
        self._lock = allocate_lock()
        self._broken = False

    def emit(self, kind: int, id: int, payload: bytes) -> None:
        """Write one message; once the host is gone it is dropped.

        It never raises for a lost host: mini-racer hangs on an exception in its callback.
        """
        with self._lock:
            try:
                for frame in frames(kind, id, payload):
                    self._write(frame)
            except OSError:
                self._broken = True

    def _write(self, frame: bytes) -> None:
        if self._broken:
            return
        sent = os.write(self._fd, frame)
        while sent < len(frame):
            sent += os.write(self._fd, memoryview(frame)[sent:])

    def ready(self, guest: Guest, **about: Plain) -> None:
        """Say that `guest` waits for a spell."""
        self.emit(READY, 0, pack({"engine": guest.engine, "version": guest.version, **about}))

    def run(self, guest: Guest) -> None:
        """Serve until the host closes its end."""
        reader = FrameReader(HOST_KINDS, clock=True)
        while not self._broken:
            try:
                data = self._read()
            except OSError:
                return
            if not data:
                return
            reader.feed(data)
            while (message := reader.take()) is not None:
                guest.put(*message)

    def _read(self) -> bytes:
        """Wait for what the host says; awake at first, where its last word came soon."""
        if self._socket is None:
            return os.read(self._fd, _READ_BYTES)
        began = perf_counter()
        if self._quick:
            while perf_counter() - began < QUICK_S:
                try:
                    return self._socket.recv(_READ_BYTES, MSG_DONTWAIT)
                except BlockingIOError:
                    # with it, a call of twenty chatty spells took 51 µs, without it 73
                    sched_yield()
        data = os.read(self._fd, _READ_BYTES)
        self._quick = perf_counter() - began < QUICK_S
        return data
