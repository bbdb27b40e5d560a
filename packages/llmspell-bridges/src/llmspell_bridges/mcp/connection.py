"""A connection to one server, in a task of its own, for as long as the run lasts.

The SDK's clients are anyio task groups: they have to be left in the task that entered them. What
a script asks comes from other tasks, which only send requests.
"""

from __future__ import annotations

import asyncio
import codecs
from contextlib import AsyncExitStack, suppress
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CONNECTION_CLOSED, CallToolResult, Implementation, ServerCapabilities
from pydantic import ValidationError

from llmspell_bridges.mcp import http
from llmspell_bridges.mcp.limits import MESSAGE_BYTES
from llmspell_bridges.mcp.process import environment
from llmspell_bridges.mcp.stdio import StdioTransport
from llmspell_bridges.mcp.texts import ERROR_LENGTH, block, line
from llmspell_core import LlmspellError, NetworkError, ToolError
from llmspell_core.redact import redactor

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from llmspell_bridges.mcp.settings import ServerSettings
    from llmspell_core import Session

T = TypeVar("T")

_VERSION = version("llmspell-bridges")
_LOGGED_BYTES = 64 * 1024
_EXIT_S = 0.3
_CLOSED = (anyio.ClosedResourceError, anyio.BrokenResourceError, anyio.EndOfStream)


class Connection:
    """One server that is connected to, or was."""

    def __init__(self, name: str, settings: ServerSettings, session: Session) -> None:
        """Connect to nothing yet."""
        self.name = name
        self.settings = settings
        self._session = session
        self._client: Client | None = None
        self._transport: StdioTransport | http.PinnedTransport | None = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stop = asyncio.Event()
        self._owner: asyncio.Task[None] | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._logged = 0

    # -- its life -------------------------------------------------------------------------

    async def open(self) -> None:
        """Start or reach the server, and shake hands.

        Raises:
            ConfigurationError: it cannot be started, or a secret cannot be read.
            PermissionDeniedError: its host leads where the run may not go.
            ToolError: it does not answer, or not as a server does.
        """
        self._owner = asyncio.create_task(self._own(), name=f"llmspell-mcp-{self.name}")
        try:
            await asyncio.shield(self._ready)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End the connection, and with it the server that was started for it."""
        self._stop.set()
        if self._owner is None:
            return
        if not self._ready.done():
            self._owner.cancel()
        try:
            await asyncio.shield(asyncio.wait([self._owner]))
        except asyncio.CancelledError:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Leave no time for kindness: what is still there is killed."""
        if self._owner is not None:
            self._owner.cancel()

    @property
    def is_open(self) -> bool:
        """Whether requests can still be sent."""
        return self._client is not None and not self._stop.is_set() and not self._dead

    @property
    def _dead(self) -> bool:
        process = self._process
        return process is not None and (
            process.process.exited.is_set() or process.problem is not None
        )

    @property
    def _process(self) -> StdioTransport | None:
        return self._transport if isinstance(self._transport, StdioTransport) else None

    async def _own(self) -> None:
        clock = asyncio.timeout(self.settings.timeout_s)
        try:
            async with AsyncExitStack() as stack:
                async with clock:
                    self._client = await stack.enter_async_context(await self._made(stack))
                # Output schemas are the server's: the SDK would check answers against them on the
                # event loop, for as long as it takes.
                self._client.session.validate_tool_result = _unchecked  # type: ignore[method-assign] # see above
                self._ready.set_result(None)
                await self._stop.wait()
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(await self._failed(error, clock))
                self._ready.exception()  # whoever opened it may be gone
            if isinstance(error, asyncio.CancelledError | KeyboardInterrupt | SystemExit):
                raise
        finally:
            self._client = None

    async def _made(self, stack: AsyncExitStack) -> Client:
        settings, timeout_s = self.settings, self.settings.timeout_s
        more: dict[str, Any] = {
            "cache": None,
            "client_info": Implementation(name="llmspell", version=_VERSION),
        }
        if settings.command is not None:
            env = await asyncio.to_thread(settings.environment)
            command = [settings.command, *settings.args]
            stdio = StdioTransport(self.name, command, environment(env), settings.cwd, self._hear)
            self._transport = stdio
            return Client(stdio, **more)
        headers = await asyncio.to_thread(settings.http_headers)
        context = await asyncio.to_thread(http.tls_context)
        pinned = self._transport = http.PinnedTransport(self.name, settings, self._session, context)
        client = await stack.enter_async_context(http.client(pinned, headers, timeout_s))
        streams = streamable_http_client(
            settings.url or "", http_client=client, max_sse_event_size=MESSAGE_BYTES
        )
        return Client(streams, **more)

    def _hear(self, data: bytes) -> None:
        """Record what a server writes to stderr, as much as is of use."""
        if self._logged < _LOGGED_BYTES:
            self._logged += len(data)
            text = self._decoder.decode(data[:_LOGGED_BYTES])
            self._session.record({"event": "mcp_stderr", "server": self.name, "error": text})

    # -- requests -------------------------------------------------------------------------

    async def ask(
        self, send: Callable[[Client], Awaitable[T]], timeout_s: float | None = None
    ) -> T:
        """Send a request, and wait for its answer.

        Raises:
            ToolError: the server refuses, is gone, or answers what it may not.
        """
        if self._client is None or not self.is_open:
            raise await self._lost()
        try:
            async with asyncio.timeout(timeout_s):
                return await send(self._client)
        except TimeoutError:
            text = f"did not answer within {self.settings.timeout_s:g} s"
            raise self._error(text) from None
        except Exception as error:
            raise await self._told(error) from error

    async def check(self) -> None:
        """See whether the server is still there.

        Raises:
            ToolError: it is not.
        """
        if not self.is_open:
            raise await self._lost()

    async def client(self) -> Client:
        """Return the SDK's client.

        Raises:
            ToolError: the server is gone.
        """
        if self._client is None:
            raise await self._lost()
        return self._client

    @property
    def capabilities(self) -> ServerCapabilities:
        """What the server says it has; nothing once it is gone."""
        return ServerCapabilities() if self._client is None else self._client.server_capabilities

    async def _told(self, error: BaseException) -> LlmspellError:
        """Say what went wrong, in words of ours where they are not the server's."""
        error = _innermost(error)
        if isinstance(error, LlmspellError):
            return error
        problem = None if self._transport is None else self._transport.problem
        if problem is not None:
            return self._error(f"was left: {problem}")
        closed = isinstance(error, MCPError) and error.code == CONNECTION_CLOSED
        if (closed and self._process is not None) or isinstance(error, _CLOSED):
            return await self._lost()
        if isinstance(error, MCPError):
            return self._error(f"refused: {block(error.message, ERROR_LENGTH)}")
        if isinstance(error, httpx2.HTTPError):
            text = f"the MCP server `{self.name}` cannot be reached: {line(str(error), 300)}"
            return NetworkError(text, retryable=True)
        return self._error(f"answered what is no MCP answer: {line(_words(error), 300)}")

    async def _failed(self, error: BaseException, clock: asyncio.Timeout) -> BaseException:
        """Say why no connection came about."""
        if clock.expired():
            said = self._last_words()
            heard = self._process.garbage if self._process is not None else ""
            more = f"; it wrote what is no message: {heard}" if heard else said
            return self._error(f"did not answer within {self.settings.timeout_s:g} s{more}")
        if isinstance(error, asyncio.CancelledError):
            return self._error("was left before it had answered")
        return await self._told(error)

    async def _lost(self) -> ToolError:
        """Say that the server is gone, and how it went."""
        process = self._process
        if process is None or self._stop.is_set():
            return self._error("is closed")
        if process.problem is not None:
            return self._error(f"was left: {process.problem}")
        with suppress(TimeoutError):  # it closed its output: let it tell how it ended
            await asyncio.wait_for(process.process.exited.wait(), _EXIT_S)
        status = process.process.status or "it closed its output"
        return self._error(f"has ended: {status}{self._last_words()}")

    def _last_words(self) -> str:
        process = self._process
        said = "" if process is None else process.process.last_words.decode(errors="replace")
        said = redactor.foreign(block(said).strip())
        return f"\n{said}" if said else ""

    def _error(self, what: str) -> ToolError:
        return ToolError(f"the MCP server `{self.name}` {what}")


async def _unchecked(name: str, result: CallToolResult) -> None:
    """Let an answer pass."""


def _words(error: BaseException) -> str:
    """Say what is wrong with an answer: of pydantic's many, the first thing."""
    if not isinstance(error, ValidationError):
        return str(error) or type(error).__name__
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _innermost(error: BaseException) -> BaseException:
    """Find what a task group's error is about."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return error
