"""A server's process: in a session of its own, with a minimal environment, ended with all it started."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from llmspell_core import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

GRACE_S = 0.5
"""How long a server has to end by itself: after its input is closed, and after SIGTERM."""
REAP_S = 1.0
KEPT_STDERR_BYTES = 2048
READ_BYTES = 64 * 1024
_STDIN, _STDOUT, _STDERR = 0, 1, 2
# It holds none of the host's secrets: this, and what its configuration gives it, is all it sees.
_PASSED_VARIABLES = (
    *("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ"),
    "USER",
)


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """Make a server's environment: what a program needs, and what its configuration gives."""
    return {**{k: os.environ[k] for k in _PASSED_VARIABLES if k in os.environ}, **more}


class ServerProcess(asyncio.SubprocessProtocol):
    """One running server. Made by `start`, ended by `stop`."""

    def __init__(self, on_stderr: Callable[[bytes], None]) -> None:
        """Start nothing yet; `on_stderr` is given what it writes there, as it comes."""
        self.stdout = asyncio.StreamReader(limit=READ_BYTES)
        self.exited = asyncio.Event()
        self.last_words = bytearray()
        self._on_stderr = on_stderr
        self._writable = asyncio.Event()
        self._writable.set()
        self._group: int | None = None
        self._transport: asyncio.SubprocessTransport | None = None

    async def start(
        self, name: str, command: Sequence[str], env: dict[str, str], cwd: str | None
    ) -> None:
        """Start the program.

        Raises:
            ConfigurationError: it cannot be started; the message says why.
        """
        program = (
            command[0] if "/" in command[0] else shutil.which(command[0], path=env.get("PATH"))
        )
        if program is None:
            text = f"the MCP server `{name}`: there is no program `{command[0][:200]}` on the PATH"
            raise ConfigurationError(text, key=f"mcp.{name}.command")
        loop = asyncio.get_running_loop()
        starting = asyncio.ensure_future(
            loop.subprocess_exec(
                lambda: self, program, *command[1:], env=env, cwd=cwd, start_new_session=True
            )
        )
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            # asyncio would kill the one process: what that has started is known afterwards
            await asyncio.gather(starting, return_exceptions=True)
            raise
        except (OSError, ValueError) as error:
            why = (getattr(error, "strerror", None) or str(error)).lower()
            text = f"the MCP server `{name}`: cannot start `{command[0][:200]}`: {why}"
            raise ConfigurationError(text, key=f"mcp.{name}.command") from None

    # -- what asyncio calls ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the pipes."""
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self._group = self._transport.get_pid()
        pipe = self._transport.get_pipe_transport(_STDOUT)
        if pipe is not None:
            self.stdout.set_transport(pipe)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Take what the server wrote."""
        if fd == _STDOUT:
            self.stdout.feed_data(data)
            return
        self.last_words += data
        del self.last_words[:-KEPT_STDERR_BYTES]
        self._on_stderr(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's interface
        """See the end of what it writes, or that it reads no more."""
        if fd == _STDOUT:
            self.stdout.feed_eof()
        elif fd == _STDIN:
            self._writable.set()

    def process_exited(self) -> None:
        """End what the server has left running: its group's number may soon be another's."""
        self.signal(signal.SIGKILL)
        self._group = None
        self.exited.set()

    def pause_writing(self) -> None:
        """Wait before writing more."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Write on."""
        self._writable.set()

    # -- for its owner --------------------------------------------------------------------

    async def write(self, data: bytes) -> None:
        """Send bytes, and wait until there is room for more.

        Raises:
            BrokenPipeError: the server reads no more.
        """
        pipe = self._pipe(_STDIN)
        if pipe is None or pipe.is_closing():
            raise BrokenPipeError
        pipe.write(data)
        await self._writable.wait()

    @property
    def status(self) -> str | None:
        """How it ended, in words; None while it runs."""
        code = None if self._transport is None else self._transport.get_returncode()
        if code is None:
            return None
        return f"exit status {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the server and to all it has started."""
        if self._group is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._group, number)

    async def stop(self) -> None:
        """End it, kindly at first; however this ends, it and all it has started are killed."""
        if self._transport is None:
            return
        try:
            pipe = self._pipe(_STDIN)
            if pipe is not None:
                pipe.close()
            if not await self._ends_within(GRACE_S):
                self.signal(signal.SIGTERM)
                if not await self._ends_within(GRACE_S):
                    self.signal(signal.SIGKILL)
                    await self._ends_within(REAP_S)
        finally:
            self.signal(signal.SIGKILL)
            self._transport.close()

    async def _ends_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.exited.wait(), seconds)
        return self.exited.is_set()

    def _pipe(self, fd: int) -> asyncio.WriteTransport | None:
        pipe = None if self._transport is None else self._transport.get_pipe_transport(fd)
        return cast("asyncio.WriteTransport | None", pipe)
