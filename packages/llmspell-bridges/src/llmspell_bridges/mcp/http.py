"""Requests to a server's url: to the configured host and nowhere else, and no endless answers.

Configuring a host is granting it. Each connection goes to an address that was looked at by the
network policy: a public name that leads into this network must have that address granted to the
run as well, and what is not encrypted stays on this machine.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from functools import lru_cache
from typing import TYPE_CHECKING

import httpx2

from llmspell_bridges.mcp.limits import HTTP_STREAMS, MESSAGE_BYTES, too_long
from llmspell_bridges.policy.addresses import parse_address, special
from llmspell_bridges.policy.network import NetPolicy, canonical_host, with_port
from llmspell_core import NetworkError, PermissionDeniedError, Permissions
from llmspell_core.permissions import denied

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from llmspell_bridges.mcp.settings import ServerSettings
    from llmspell_bridges.policy.addresses import Address
    from llmspell_core import Session


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """Load the system's certificate authorities, once: it takes 40 ms."""
    return ssl.create_default_context()


class PinnedTransport(httpx2.AsyncBaseTransport):
    """Sends requests to one origin, at addresses that were checked."""

    def __init__(
        self, name: str, settings: ServerSettings, session: Session, context: ssl.SSLContext
    ) -> None:
        """Take whose server it is; `context` has the certificate authorities."""
        self.problem: str | None = None
        """What the server did that ended an answer."""
        self._name = name
        self._url = httpx2.URL(settings.url or "")
        host, port = settings.host
        self._host, self._port = canonical_host(host), port
        self._policy = NetPolicy(lambda: _granted(session, self._host, port))
        self._session = session
        self._streams = 0
        self._inner = httpx2.AsyncHTTPTransport(verify=context, trust_env=False)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request."""
        ours, theirs = self._url, request.url
        if (theirs.scheme, theirs.host, theirs.port) != (ours.scheme, ours.host, ours.port):
            text = f"the MCP server `{self._name}` leads to another host, which is not configured"
            raise PermissionDeniedError(text)
        if request.method == "GET":
            self._streams += 1
            if self._streams > HTTP_STREAMS:
                self.problem = f"it ended more than {HTTP_STREAMS} streams of its own"
                raise httpx2.ReadError(self.problem, request=request)
        address = await self._address()
        request.headers["Accept-Encoding"] = "identity"  # what is packed could be of any size
        request.extensions = {**request.extensions, "sni_hostname": self._host}
        request.url = theirs.copy_with(host=str(address))
        response = await self._inner.handle_async_request(request)
        request.url = theirs
        if response.headers.get("Content-Encoding", "identity") != "identity":
            await response.aclose()
            self.problem = "its answer is packed, which it was asked not to be"
            raise httpx2.ReadError(self.problem, request=request)
        return httpx2.Response(
            status_code=response.status_code,
            headers=response.headers,
            stream=_Bounded(self, response),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._inner.aclose()

    async def _address(self) -> Address:
        """Look the host up, and check all that it leads to."""
        host, port, where = self._host, self._port, "mcp.connect"
        if self._session.permissions.vetoed("net", host):
            raise denied("net", with_port(host, port))
        literal = self._policy.check_host(host, port, where)
        found = [literal] if literal is not None else await self._look_up()
        for address in found:
            self._policy.check_address(host, port, address)
        if self._url.scheme != "https" and any(special(it) != "loopback" for it in found):
            text = f"reaching {with_port(host, port)} is not permitted: it is not encrypted"
            raise PermissionDeniedError(f"{text}; configure an https:// url")
        return found[0]

    async def _look_up(self) -> list[Address]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            found = []
        addresses = [parse_address(str(entry[4][0])) for entry in found]
        known = [address for address in addresses if address is not None]
        if not known:
            text = f"the MCP server `{self._name}`: there is no host `{self._host}`"
            raise NetworkError(text, retryable=True)
        return known


class _Bounded(httpx2.AsyncByteStream):
    """An answer's body, cut where it is too long."""

    def __init__(self, transport: PinnedTransport, response: httpx2.Response) -> None:
        self._transport = transport
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        length = 0
        async for piece in self._response.aiter_raw():
            length += len(piece)
            if length > MESSAGE_BYTES:
                self._transport.problem = too_long()
                raise httpx2.StreamError(self._transport.problem)
            yield piece

    async def aclose(self) -> None:
        await self._response.aclose()


def _granted(session: Session, host: str, port: int) -> Permissions:
    """Grant the configured host, and the addresses that the run was granted by itself."""
    net = session.permissions.net
    more = net if isinstance(net, tuple) else ()
    return Permissions(net=(with_port(host, port), *more))


def client(
    transport: PinnedTransport, headers: dict[str, str], timeout_s: float
) -> httpx2.AsyncClient:
    """Make a client that sends through `transport`, whatever the environment says of proxies."""
    return httpx2.AsyncClient(
        transport=transport,
        headers=headers,
        timeout=httpx2.Timeout(timeout_s),
        trust_env=False,
        follow_redirects=False,
    )
