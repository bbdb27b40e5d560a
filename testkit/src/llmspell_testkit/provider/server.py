"""The server under `FakeProvider`: one thread for each connection, and all of them can be ended."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from llmspell_testkit.provider import anthropic, wire
from llmspell_testkit.provider.http import SeenRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llmspell_testkit.provider.fake import FakeProvider
    from llmspell_testkit.provider.http import Page
    from llmspell_testkit.provider.reply import Reply

_MOST_BYTES = 64 * 1024 * 1024
"""What a request may hold: a mistake in a test does not fill the memory."""


class Server(ThreadingHTTPServer):
    """Serves each connection in a thread of its own, and can end them all."""

    daemon_threads = False  # joined on closing: nothing is left
    request_queue_size = 128

    def __init__(self, provider: FakeProvider) -> None:
        """Listen on a free port of the loopback address."""
        self.provider = provider
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        with self._guard:
            return len(self._open)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember a connection, and serve it."""
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection, and close it."""
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def end_connections(self) -> None:
        """Break every connection off."""
        with self._guard:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that went away is what many tests are about."""


class _BrokenOffError(Exception):
    """The reply says that the connection ends here."""


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Print nothing."""

    def __getattr__(self, name: str) -> Any:
        """Answer every HTTP method alike: the base looks for ``do_GET`` and its like."""
        if name.startswith("do_"):
            return self._handle
        raise AttributeError(name)

    def _handle(self) -> None:
        request = self._read()
        provider = self.server.provider
        provider.saw(request)
        path = request.path.partition("?")[0]
        try:
            if path in provider.pages:
                self._page(provider.pages[path])
            elif path == "/v1/models":
                self._json(200, wire.models(provider.models))
            elif isinstance(request.body, dict) and path in wire.CHATS:
                self._chat(request, of_anthropic=path == anthropic.PATH)
            elif isinstance(request.body, dict) and path == "/v1/embeddings":
                self._embeddings(request)
            else:
                self._json(404, {"error": {"message": f"nothing is at {path}"}})
        except _BrokenOffError:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    def _read(self) -> SeenRequest:
        size = min(int(self.headers.get("Content-Length") or 0), _MOST_BYTES)
        data = self.rfile.read(size)
        try:
            body = json.loads(data) if data else None
        except ValueError:
            body = data.decode("utf-8", "replace")
        headers = {name.lower(): value for name, value in self.headers.items()}
        return SeenRequest(method=self.command, path=self.path, headers=headers, body=body)

    def _page(self, page: Page) -> None:
        self._wait(page.latency_s)
        self._send(page.status, page.text.encode(), page.type, page.headers)

    def _chat(self, request: SeenRequest, *, of_anthropic: bool) -> None:
        number, reply = self.server.provider.take(request, embedding=False)
        refusal = anthropic.failed(reply) if of_anthropic else wire.failed(reply)
        if self._done_already(reply, refusal):
            return
        if not request.body.get("stream"):
            write = anthropic.message if of_anthropic else wire.completion
            body = write(reply, request.body, number)
            self._json(200, body, whole=reply.break_after is None)
        elif of_anthropic:
            events = anthropic.events(reply, request.body, number)
            self._stream(((event["type"], json.dumps(event)) for event in events), reply, 2)
        else:
            chunks = wire.chunks(reply, request.body, number)
            self._stream((("", text) for text in [*map(json.dumps, chunks), "[DONE]"]), reply, 0)

    def _embeddings(self, request: SeenRequest) -> None:
        _, reply = self.server.provider.take(request, embedding=True)
        if not self._done_already(reply, wire.failed(reply)):
            body = wire.embeddings(reply, request.body)
            self._json(200, body, whole=reply.break_after is None)

    def _done_already(self, reply: Reply, refusal: dict[str, Any]) -> bool:
        """Wait as the reply says; send it, where it is no proper answer."""
        self._wait(reply.latency_s)
        if reply.break_after == 0:
            raise _BrokenOffError
        if reply.raw is not None:
            self._send(reply.status or 200, reply.raw.encode(), "application/json", {})
        elif reply.status is not None:
            after = reply.retry_after_s
            headers = {} if after is None else {"Retry-After": f"{after:g}"}
            self._json(reply.status, refusal, headers)
        else:
            return False
        return True

    def _stream(self, events: Iterable[tuple[str, str]], reply: Reply, before: int) -> None:
        """Send events; `before` of them come ahead of the first word."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for index, (name, data) in enumerate(events):
            if reply.break_after is not None and index == before + reply.break_after:
                raise _BrokenOffError
            self._event(f"event: {name}\ndata: {data}" if name else f"data: {data}")
        self.wfile.write(b"0\r\n\r\n")

    def _event(self, text: str) -> None:
        data = f"{text}\n\n".encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _json(
        self,
        status: int,
        body: Any,
        headers: Mapping[str, str] | None = None,
        *,
        whole: bool = True,
    ) -> None:
        data = json.dumps(body).encode()
        self._send(status, data, "application/json", headers or {}, whole=whole)

    def _send(
        self, status: int, data: bytes, kind: str, headers: Mapping[str, str], *, whole: bool = True
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data if whole else data[: len(data) // 2])
        if not whole:
            raise _BrokenOffError

    def _wait(self, seconds: float) -> None:
        if seconds and self.server.provider.closing.wait(seconds):
            raise _BrokenOffError
