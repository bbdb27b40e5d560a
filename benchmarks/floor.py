"""What two Python processes on one socket can do: the floor under a host call."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import msgspec

from benchmarks.programs import CONTROLS, environment

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Literal, Self


class Echo:
    """A process that sends back what it gets, and this side of its socket on the event loop."""

    def __init__(self, kind: Literal["raw", "msgpack"]) -> None:
        """Start the process."""
        self._ours, theirs = socket.socketpair()
        with theirs:
            fd = theirs.fileno()
            self._process = subprocess.Popen(
                [sys.executable, str(CONTROLS / "echo.py"), str(fd), kind],
                pass_fds=[fd],
                env=environment(),
            )
        self._ours.setblocking(False)  # noqa: FBT003 - its only parameter
        self._buffer = b""
        self._answer: asyncio.Future[bytes] | None = None

    def __enter__(self) -> Self:
        """Listen to the socket."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._ours, self._on_readable)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the process."""
        self._loop.remove_reader(self._ours)
        self._ours.close()
        self._process.kill()
        self._process.wait()

    async def ask(self, data: bytes) -> bytes:
        """Send `data`, and wait for what comes back."""
        self._answer = self._loop.create_future()
        message = len(data).to_bytes(4, "big") + data
        sent = self._send(message)
        if sent < len(message):
            rest = memoryview(message)[sent:]
            self._loop.add_writer(self._ours, self._send_rest, rest)
        return await self._answer

    async def ask_value(self, value: Any) -> Any:
        """Do the same with a value in MessagePack, both ways."""
        return msgspec.msgpack.decode(await self.ask(msgspec.msgpack.encode(value)))

    def _send(self, data: bytes | memoryview) -> int:
        try:
            return self._ours.send(data)
        except BlockingIOError:
            return 0

    def _send_rest(self, rest: memoryview) -> None:
        self._loop.remove_writer(self._ours)
        sent = self._send(rest)
        if sent < len(rest):
            self._loop.add_writer(self._ours, self._send_rest, rest[sent:])

    def _on_readable(self) -> None:
        data = self._ours.recv(256 * 1024)
        self._buffer = self._buffer + data if self._buffer else data
        if len(self._buffer) < 4:  # noqa: PLR2004 - the length's own four bytes
            return
        size = 4 + int.from_bytes(self._buffer[:4], "big")
        if len(self._buffer) >= size and self._answer is not None:
            answer, self._buffer = self._buffer[4:size], b""
            self._answer.set_result(answer)
