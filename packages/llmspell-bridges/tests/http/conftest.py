"""What the tests of `http` share: a server that answers raw bytes, and a run that may reach it."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_bridges.http import HttpBridge, client
from llmspell_core import Permissions, Session
from llmspell_core.dispatch import call

if TYPE_CHECKING:
    from pathlib import Path

Reply = Callable[["Seen", asyncio.StreamWriter], Awaitable[None]]
Http = Callable[..., Awaitable[Any]]


class Seen:
    """One request as it came in."""

    def __init__(self, head: bytes, body: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = lines[0].split(" ")
        self.path = self.target.partition("?")[0]
        pairs = [line.split(": ", 1) for line in lines[1:] if line]
        self.headers = {name.lower(): value for name, value in pairs}
        self.body = body


class Server:
    """Answers each path with raw bytes, or with a function that writes what it likes."""

    def __init__(self, scheme: str = "http") -> None:
        self.scheme = scheme
        self.replies: dict[str, bytes | Reply] = {}
        self.seen: list[Seen] = []
        self.port = 0
        self.open = 0
        self.most_open = 0

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    def answer(self, path: str, body: bytes, *headers: str, status: str = "200 OK") -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
        self.replies[path] = "\r\n".join([*lines, "", ""]).encode() + body

    def redirect(self, path: str, to: str, status: str = "302 Found") -> None:
        self.answer(path, b"moved", f"Location: {to}", status=status)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await self._one(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the other side hung up
        finally:
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n"))[:-4]
        seen = Seen(head, b"")
        seen.body = await reader.readexactly(int(seen.headers.get("content-length", "0")))
        self.seen.append(seen)
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        try:
            reply = self.replies.get(
                seen.path, b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone"
            )
            if isinstance(reply, bytes):
                writer.write(reply)
            else:
                await reply(seen, writer)
            await writer.drain()
        finally:
            self.open -= 1


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio."""
    return "asyncio"


async def serving(server: Server, **options: Any) -> AsyncIterator[Server]:
    """Run a server on a free loopback port."""
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(server.serve(reader, writer)))

    listening = await asyncio.start_server(accept, "127.0.0.1", 0, **options)
    server.port = listening.sockets[0].getsockname()[1]
    yield server
    listening.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)  # aborted transports close in the loop's next turn


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """Give a server without TLS."""
    async for running in serving(Server()):
        yield running


@pytest.fixture
async def other() -> AsyncIterator[Server]:
    """Give a second server: another origin."""
    async for running in serving(Server()):
        yield running


@pytest.fixture
async def run() -> AsyncIterator[Callable[..., Session]]:
    """Make runs with grants and settings; they are closed at the end."""
    made: list[Session] = []

    def make(*net: str, **settings: Any) -> Session:
        bridge = HttpBridge.from_settings(settings)
        permissions = Permissions(net=net or ("127.0.0.1",))
        made.append(Session(bridges={"http": bridge}, permissions=permissions))
        return made[-1]

    yield make
    for session in made:
        await session.close()


@pytest.fixture
def http(run: Callable[..., Session]) -> Http:
    """Call a method as a script does, in a run that may reach 127.0.0.1."""
    session = run()

    async def call_method(name: str, *args: Any) -> Any:
        return await call(session, "http", name, list(args))

    return call_method


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Let names lead to the addresses in the map, each look-up taking the first of several."""
    known: dict[str, list[str]] = {}

    async def look_up(host: str, port: int, **_: Any) -> list[Any]:
        answers = known[host]
        chosen = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(2, 1, 6, "", (address, port)) for address in chosen.split()]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    return known


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Make a certificate for `app.test` that is its own authority."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "app.test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("app.test")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "app.pem"
    encoding, no_password = serialization.Encoding.PEM, serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    file.write_bytes(made.public_bytes(encoding) + key.private_bytes(encoding, form, no_password))
    return file


@pytest.fixture
async def secure(certificate: Path) -> AsyncIterator[Server]:
    """Give a server with TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async for running in serving(Server("https"), ssl=context):
        yield running


@pytest.fixture
def trusting(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the process trust the certificate, as a user would."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    client.tls_context.cache_clear()
    yield
    client.tls_context.cache_clear()
