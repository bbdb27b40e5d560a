"""Messages over a process's standard input and output, one a line, and neither long nor without end.

The SDK's own transport reads a line whatever its length, and on ending leaves alone what a server
has started; it takes another in its place.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
from mcp.shared.message import SessionMessage
from mcp_types.jsonrpc import JSONRPCNotification, JSONRPCRequest, jsonrpc_message_adapter

from llmspell_bridges.mcp.limits import MESSAGE_BYTES, UNASKED_MESSAGES, too_long, too_many
from llmspell_bridges.mcp.process import READ_BYTES, ServerProcess
from llmspell_bridges.mcp.texts import line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from types import TracebackType

    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

    Streams = tuple[
        MemoryObjectReceiveStream[SessionMessage | Exception],
        MemoryObjectSendStream[SessionMessage],
    ]

_FLUSH_S = 0.2


class StdioTransport:
    """One process and its messages, as the SDK's client takes a transport."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        env: dict[str, str],
        cwd: str | None,
        on_stderr: Callable[[bytes], None],
    ) -> None:
        """Start nothing yet."""
        self.process = ServerProcess(on_stderr)
        self.problem: str | None = None
        """What the server did that ended the connection."""
        self._start = (name, command, env, cwd)
        self._unasked = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Streams:
        """Start the server."""
        try:
            await self.process.start(*self._start)
        except BaseException:
            await self.process.stop()
            raise
        read_in, read_out = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        write_in, write_out = anyio.create_memory_object_stream[SessionMessage](0)
        self._streams = (read_in, read_out, write_in, write_out)
        self._tasks = [
            asyncio.create_task(self._receive(read_in), name="llmspell-mcp-read"),
            asyncio.create_task(self._send(write_out, read_in), name="llmspell-mcp-write"),
        ]
        return read_out, write_in

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the server."""
        try:
            await self.process.stop()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for stream in self._streams:
                stream.close()

    async def _receive(self, into: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        """Read messages until the server ends, or does what it may not."""
        async with into:
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                async for text in self._lines():
                    message = self._parsed(text)
                    if self.problem is not None:
                        break
                    if message is not None:
                        await into.send(message)
        if self.problem is not None:
            await self.process.stop()

    async def _lines(self) -> AsyncIterator[bytes]:
        pieces: list[bytes] = []
        length = 0
        while data := await self.process.stdout.read(READ_BYTES):
            *ended, rest = data.split(b"\n")
            for part in ended:
                yield b"".join([*pieces, part])
                pieces, length = [], 0
            pieces.append(rest)
            length += len(rest)
            if length > MESSAGE_BYTES:
                self.problem = too_long()
                return

    def _parsed(self, text: bytes) -> SessionMessage | None:
        """Read one message; what is none counts as one that nobody asked for."""
        if not text.strip():
            return None
        try:
            message = jsonrpc_message_adapter.validate_json(text, by_name=False)
        except ValueError:
            message = None
            self.garbage = line(text[:200].decode(errors="replace"))
        if message is None or isinstance(message, JSONRPCNotification | JSONRPCRequest):
            self._unasked += 1
            if self._unasked > UNASKED_MESSAGES:
                self.problem = too_many()
        return None if message is None else SessionMessage(message)

    garbage = ""
    """The last line that was no message."""

    async def _send(
        self,
        messages: MemoryObjectReceiveStream[SessionMessage],
        into: MemoryObjectSendStream[SessionMessage | Exception],
    ) -> None:
        """Write what the session sends; a server that reads no more has ended the connection."""
        try:
            async with messages:
                async for message in messages:
                    text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                    if isinstance(message.message, JSONRPCRequest):
                        self._unasked = 0
                    await self.process.write(text.encode() + b"\n")
        except OSError:
            into.close()
