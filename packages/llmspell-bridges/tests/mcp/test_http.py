"""Servers that are reached by their url: the configured host, encrypted, and no other."""

from __future__ import annotations

import asyncio
import json
import ssl
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_bridges.mcp import http, limits
from llmspell_bridges.mcp.settings import read_servers
from llmspell_core import NetworkError, PermissionDeniedError, Permissions, Session, ToolError
from llmspell_core.policy import Narrowed
from llmspell_core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from conftest import Spell

pytestmark = pytest.mark.anyio


class Server:
    """A server made by hand, whose answer to each request is the test's."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.port = 0
        self.redirect = ""
        self.headers = ""
        self.body: bytes | None = None
        self.stream: bytes | None = None
        """What a stream for the server's own messages has, before it ends."""
        self.streams = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request of a connection, and close it."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
            data = await reader.readexactly(int(headers.get("content-length", 0)))
            body = json.loads(data) if data else {}
            self.requests.append((first, headers, body))
            writer.write(self.answer(first, body))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def answer(self, first: str, body: Any) -> bytes:
        """Make the answer of one request."""
        if self.redirect:
            return f"HTTP/1.1 307 No\r\nlocation: {self.redirect}\r\n\r\n".encode()
        if first.startswith("GET") and self.stream is not None:
            self.streams += 1
            head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
            return head.encode() + self.stream
        if not first.startswith("POST") or "id" not in body:
            return b"HTTP/1.1 405 No\r\nconnection: close\r\n\r\n"
        content = (
            self.body or json.dumps({"jsonrpc": "2.0", "id": body["id"], **result(body)}).encode()
        )
        length = f"content-length: {len(content)}\r\nconnection: close\r\n{self.headers}\r\n"
        return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + length.encode() + content


def result(body: dict[str, Any]) -> dict[str, Any]:
    """Answer what a client asks at the start."""
    if body["method"] == "initialize":
        about = {"serverInfo": {"name": "raw", "version": "1"}, "capabilities": {"tools": {}}}
        return {"result": {"protocolVersion": body["params"]["protocolVersion"], **about}}
    if body["method"] == "tools/list":
        return {"result": {"tools": []}}
    return {"error": {"code": -32601, "message": "no"}}


@asynccontextmanager
async def serving(context: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Serve on a port of this machine."""
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server


async def test_a_server_is_given_its_headers_and_its_key(spells: Callable[..., Spell]) -> None:
    """A key goes to the configured server in each request."""
    async with serving() as server:
        settings = {
            "url": f"http://localhost:{server.port}/mcp",
            "api_key": Secret(lambda: "the-key-of-it", "environment MINE"),
            "headers": {"X-Team": "owls"},
        }
        await spells({"raw": settings}).connect()
    assert len(server.requests) > 2
    for first, headers, _ in server.requests:
        assert first.split()[1] == "/mcp"
        assert headers["host"] == f"localhost:{server.port}"
        assert headers["authorization"] == "Bearer the-key-of-it"
        assert headers["x-team"] == "owls"


async def test_no_proxy_of_the_environment_is_used(
    spells: Callable[..., Spell], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where requests go is the configuration's to say."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with serving() as server:
        await spells({"raw": {"url": f"http://127.0.0.1:{server.port}/"}}).connect()


async def test_a_redirect_to_another_host_is_not_followed(spells: Callable[..., Spell]) -> None:
    """The key stays with the configured server."""
    async with serving() as other, serving() as server:
        server.redirect = f"http://127.0.0.1:{other.port}/mcp"
        key = Secret(lambda: "the-key-of-it", "environment MINE")
        spell = spells({"raw": {"url": f"http://127.0.0.1:{server.port}/mcp", "api_key": key}})
        with pytest.raises(ToolError, match="not followed"):
            await spell.connect()
    assert server.requests
    assert other.requests == []


async def test_no_request_goes_to_another_host() -> None:
    """Whatever the SDK would follow: the transport knows one origin."""
    async with serving() as other:
        (settings,) = read_servers({"raw": {"url": "https://mcp.example.com/mcp"}}).values()
        context = ssl.create_default_context()
        transport = http.PinnedTransport("raw", settings, Session(), context)
        async with http.client(transport, {"Authorization": "Bearer x"}, 5) as client:
            for url in (f"http://127.0.0.1:{other.port}/mcp", "http://mcp.example.com/mcp"):
                with pytest.raises(PermissionDeniedError, match="leads to another host"):
                    await client.post(url)
    assert other.requests == []


async def test_a_host_that_is_not_there_is_a_network_error(spells: Callable[..., Spell]) -> None:
    """It may be there later."""
    async with serving() as server:
        pass
    spell = spells({"raw": {"url": f"http://127.0.0.1:{server.port}/"}})
    with pytest.raises(NetworkError, match="the MCP server `raw` cannot be reached") as caught:
        await spell.connect()
    assert caught.value.retryable


async def test_an_answer_without_end_is_not_read(
    spells: Callable[..., Spell],
) -> None:
    """It is cut at what a message may have."""
    async with serving() as server:
        server.body = b" " * (11 << 20)
        spell = spells({"raw": {"url": f"http://127.0.0.1:{server.port}/"}})
        with pytest.raises(ToolError, match="was left: it sent a message of more than 10 MiB"):
            await spell.connect()


async def test_a_packed_answer_is_not_unpacked(spells: Callable[..., Spell]) -> None:
    """A small one could be of any size."""
    async with serving() as server:
        server.headers = "content-encoding: gzip\r\n"
        spell = spells({"raw": {"url": f"http://127.0.0.1:{server.port}/"}})
        with pytest.raises(ToolError, match="its answer is packed"):
            await spell.connect()


async def test_another_host_than_this_one_must_be_encrypted(
    spells: Callable[..., Spell], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key is not sent in the open."""
    lead_to(monkeypatch, "10.0.0.5")
    spell = spells({"raw": {"url": "http://nas.local/mcp"}})
    with pytest.raises(PermissionDeniedError, match="not encrypted; configure an https:// url"):
        await spell.connect()


async def test_a_public_name_may_not_lead_into_this_network(
    spells: Callable[..., Spell], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who owns the name could point it at any machine; granting the address allows it."""
    lead_to(monkeypatch, "169.254.169.254")
    settings = {"raw": {"url": "https://mcp.example.com/mcp", "timeout_s": 1}}
    with pytest.raises(
        PermissionDeniedError, match=r"leads to 169.254.169.254, a metadata address"
    ):
        await spells(settings).connect()
    lead_to(monkeypatch, "127.0.0.1")
    granted = Permissions(mcp=True, net=("127.0.0.1",))
    with pytest.raises(NetworkError, match="cannot be reached"):
        await spells(settings, permissions=granted).connect()


async def test_a_policy_may_forbid_the_host(spells: Callable[..., Spell]) -> None:
    """What an organisation forbids is not configured away."""
    async with serving() as server:
        forbidden = Narrowed(mcp=True, vetoes=(lambda effect, name: effect == "net",))
        settings = {"raw": {"url": f"http://127.0.0.1:{server.port}/"}}
        with pytest.raises(PermissionDeniedError, match=r"reaching `127.0.0.1"):
            await spells(settings, permissions=forbidden).connect()
    assert server.requests == []


async def test_streams_are_not_opened_for_ever(spells: Callable[..., Spell]) -> None:
    """A server that ends each stream at once, and asks for the next one, is left alone."""
    async with serving() as server:
        server.headers = "mcp-session-id: 1\r\n"
        server.stream = b"retry: 0\n\n"
        spell = spells({"raw": {"url": f"http://127.0.0.1:{server.port}/"}})
        handle = await spell.connect()
        async with asyncio.timeout(20):
            while server.streams < limits.HTTP_STREAMS:  # noqa: ASYNC110 - the server counts
                await asyncio.sleep(0.01)
        for _ in range(20):
            with pytest.raises(ToolError, match="it ended more than 100 streams of its own"):
                await spell.ask(handle, "get_prompt", "no")
    assert server.streams == limits.HTTP_STREAMS


async def test_a_server_that_is_not_who_it_says_is_left(spells: Callable[..., Spell]) -> None:
    """Its certificate must be of the configured name."""
    async with serving(certificate("other.example.com")) as server:
        spell = spells({"raw": {"url": f"https://localhost:{server.port}/"}})
        with pytest.raises(NetworkError, match=r"(?i)certificate"):
            await spell.connect()
    assert server.requests == []


async def test_a_server_is_spoken_to_by_its_name_over_tls(
    spells: Callable[..., Spell], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address that was checked is connected to, the certificate is that of the name."""
    context = certificate("mcp.example.com")
    trusted = ssl.create_default_context(cadata=AUTHORITY[0])
    monkeypatch.setattr(http, "tls_context", lambda: trusted)
    lead_to(monkeypatch, "127.0.0.1")
    async with serving(context) as server:
        settings = {"raw": {"url": f"https://mcp.example.com:{server.port}/"}}
        permissions = Permissions(mcp=True, net=("127.0.0.1",))
        await spells(settings, permissions=permissions).connect()
    assert server.requests[0][1]["host"] == f"mcp.example.com:{server.port}"


def lead_to(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Let every name lead to an address."""
    loop = asyncio.get_running_loop()

    async def found(host: str, port: int, **_: Any) -> list[Any]:
        return [(2, 1, 6, "", (address, port))]

    monkeypatch.setattr(loop, "getaddrinfo", found)


AUTHORITY: list[str] = []


def certificate(name: str) -> ssl.SSLContext:
    """Make a certificate of a name, signed by itself; it is kept in `AUTHORITY`."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    AUTHORITY[:] = [made.public_bytes(pem).decode()]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pem"
        file.write_bytes(private + made.public_bytes(pem))
        context.load_cert_chain(file)
    return context
