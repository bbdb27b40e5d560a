"""Sends a run's requests: every hop is checked, and goes to the addresses that were checked.

aiohttp, not httpx: a request costs 0.25-0.35 ms of processor time against 1.2 ms, its resolver is
a public interface (connecting to a checked address needs nothing private), and it is released
every few weeks. It imports 80 ms slower, once per process and in a thread.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from llmspell_bridges.http import headers as rules
from llmspell_bridges.http.errors import bad_response, network, timed_out, too_large, translated
from llmspell_bridges.http.inflate import ACCEPTED, Inflater
from llmspell_bridges.http.request import parse_url, shown
from llmspell_bridges.http.response import Head, joined_headers
from llmspell_bridges.policy.addresses import parse_address, special
from llmspell_bridges.policy.network import NetPolicy
from llmspell_core.errors import PermissionDeniedError

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable

    from yarl import URL

    from llmspell_bridges.http.request import Request
    from llmspell_bridges.http.settings import HttpSettings
    from llmspell_bridges.policy.addresses import Address
    from llmspell_core.session import Session

T = TypeVar("T")

MAX_REDIRECTS = 10
_REDIRECTS = (301, 302, 303, 307, 308)
_READ_BYTES = 64 * 1024


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """Load the system's certificate authorities, once: it takes 40 ms."""
    import ssl

    return ssl.create_default_context()


class _Pinned(AbstractResolver):
    """Answers with the addresses that were checked, and with nothing else."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, int], list[Address]] = {}

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - aiohttp's interface
    ) -> list[ResolveResult]:
        """Return the checked addresses of a host; one that was not checked has none."""
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,  # noqa: PLR2004
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self.known.get((host, port), [])
        ]

    async def close(self) -> None:
        """Hold nothing."""


class Client:
    """The connections of one run."""

    def __init__(self, session: Session, settings: HttpSettings) -> None:
        """Open nothing yet; belongs to the event loop it is made in."""
        self._run = session
        self._policy = NetPolicy(lambda: session.permissions)
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.concurrent)
        self._resolver = _Pinned()
        connector = aiohttp.TCPConnector(
            resolver=self._resolver, use_dns_cache=False, ssl=tls_context(), limit=0
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            read_bufsize=_READ_BYTES,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    def refusal(self, url: URL, where: str) -> PermissionDeniedError | None:
        """Say how a host would be refused, nobody being asked; no name is looked up."""
        try:
            self._policy.check_host(url.raw_host or "", url.port or 0, where)
        except PermissionDeniedError as refused:
            return refused
        return None

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[Answer]:
        """Send `request`, follow its redirects, and give its answer once the head is there.

        The time that `request` allows goes on while the other side is waited for, until the whole
        body is there; not while somebody is asked for a permission. What is left of the
        body on leaving is not read.

        Raises:
            PermissionDeniedError: a hop is not granted; nothing was sent to it.
            NetworkError: no answer came.
            BadResponseError: it is of no use.
        """
        clock = Clock(request)
        await self._permitted(
            request, request.url
        )  # a question may take long: before it has a slot
        await clock.wait(self._slots.acquire(), request.url)
        try:
            response, url = await self._follow(request, clock)
            try:
                yield Answer(request, response, url, clock)
            finally:
                response.close()
        finally:
            self._slots.release()

    async def _follow(self, request: Request, clock: Clock) -> tuple[aiohttp.ClientResponse, URL]:
        url, method, headers, body = request.url, request.method, request.headers, request.body
        for _ in range(MAX_REDIRECTS + 1):
            with translated(request, url):
                await self._check(request, url, clock)
                sending = self._send(url, method, headers, body)
                response = await clock.wait(sending, url)
            location = response.headers.get("Location")
            if response.status not in _REDIRECTS or not request.follow_redirects or not location:
                return response, url
            response.close()
            target = _target(request, url, location)
            if target.origin() != url.origin():
                headers = rules.for_other_origin(headers)
            if response.status == 303 or (response.status in (301, 302) and method == "POST"):  # noqa: PLR2004
                headers, body = rules.without_body(headers), None
                method = method if method == "HEAD" else "GET"
            url = target
        what = f"it redirects more than {MAX_REDIRECTS} times; pass {{follow_redirects = false}}"
        raise bad_response(request, url, what)

    async def _send(
        self, url: URL, method: str, headers: dict[str, str], body: bytes | None
    ) -> aiohttp.ClientResponse:
        return await self._session.request(
            method,
            url,
            headers={**headers, "accept-encoding": ACCEPTED},
            data=body,
            allow_redirects=False,
            # aiohttp would invent a type for a body that has none
            skip_auto_headers=("content-type", "user-agent"),
        )

    async def _permitted(self, request: Request, url: URL) -> Address | None:
        """Check a hop's host, or have it granted; return its address if it is one."""

        async def check() -> Address | None:
            return self._policy.check_host(url.raw_host or "", url.port or 0, request.where)

        return await self._run.permitted(check, request.where)

    async def _check(self, request: Request, url: URL, clock: Clock) -> None:
        """Check a hop's host and all addresses it leads to, and pin them."""
        host, port = url.raw_host or "", url.port or 0
        literal = await self._permitted(request, url)
        if literal is None:
            addresses = await clock.wait(_look_up(request, url), url)
        else:
            addresses = [literal]

        async def check() -> None:
            for address in addresses:
                self._policy.check_address(host, port, address)

        await self._run.permitted(check, request.where)
        encrypted = url.scheme == "https" or not self._settings.require_tls
        if not encrypted and any(special(address) != "loopback" for address in addresses):
            text = f"reaching {shown(url)} is not permitted: it is not encrypted; use https://"
            raise PermissionDeniedError(text)
        self._resolver.known[host, port] = addresses


def _target(request: Request, url: URL, location: str) -> URL:
    from yarl import URL

    try:
        target = parse_url(str(url.join(URL(location))), request.where)
        parse_address(target.raw_host or "")
    except ValueError as error:
        what = f"it redirects to what is not an address: {str(error)[:200]}"
        raise bad_response(request, url, what) from None
    return target


async def _look_up(request: Request, url: URL) -> list[Address]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(url.raw_host, url.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        what = f"no address is known for `{url.raw_host}` ({error}); is the name right?"
        raise network(request, url, what) from error
    return list(dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in found))


class Clock:
    """What is left of a request's time; only waiting for the other side uses it up."""

    def __init__(self, request: Request) -> None:
        """Start with all of it."""
        self._request = request
        self._left_s = request.timeout_s

    async def wait(self, work: Awaitable[T], url: URL) -> T:
        """Wait for `work`, at most as long as there is time left."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with asyncio.timeout(max(0.0, self._left_s)):
                return await work
        except TimeoutError:
            raise timed_out(self._request, url) from None
        finally:
            self._left_s -= loop.time() - started


class Answer:
    """An answer whose head has come; its body is pulled."""

    def __init__(
        self, request: Request, response: aiohttp.ClientResponse, url: URL, clock: Clock
    ) -> None:
        """Take over what `Client.open` made."""
        self._request = request
        self._response = response
        self._url = url
        self._clock = clock
        self.head = Head(
            status=response.status,
            url=str(url),
            headers=joined_headers(response.headers.items()),
        )

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes, unpacked, and cut it at the request's `max_bytes`.

        Raises:
            BadResponseError: it is too large, is cut off, or is not packed as it says.
        """
        most, packed, unpacked = self._request.max_bytes, 0, 0
        with translated(self._request, self._url):
            inflater = Inflater(self._response.headers.get("Content-Encoding", ""))
        if (self._response.content_length or 0) > most and self._request.method != "HEAD":
            raise too_large(self._request, self._url)
        while data := await self._read():
            packed += len(data)
            with translated(self._request, self._url):
                for piece in inflater.feed(data):
                    unpacked += len(piece)
                    if max(packed, unpacked) > most:
                        raise too_large(self._request, self._url)
                    if piece:
                        yield piece
        with translated(self._request, self._url):
            inflater.finish()

    async def _read(self) -> bytes:
        with translated(self._request, self._url):
            return await self._clock.wait(self._response.content.readany(), self._url)

    async def body(self) -> bytes:
        """Read the whole body."""
        return b"".join([piece async for piece in self.pieces()])
