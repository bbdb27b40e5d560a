"""A server for the contract tests of bridges, in a thread of its own: it echoes, hangs up and waits."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from llmspell_bridges.contracts.serving import served

if TYPE_CHECKING:
    from collections.abc import Iterator


class EchoServer(ThreadingHTTPServer):
    """Answers each request with its method, path and body; `/wait` with nothing."""

    daemon_threads = True

    def __init__(self) -> None:
        """Listen on a free port of the loopback address."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.broken = False
        self.waiting = threading.Event()
        self.released = threading.Event()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: EchoServer

    def _answer(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size).decode()
        if self.server.broken:
            self.close_connection = True  # hang up without an answer
            return
        if self.path.startswith("/wait"):
            self.server.waiting.set()
            self.connection.recv(1)  # nothing more is sent: it ends when the other side hangs up
            self.server.released.set()
            self.close_connection = True
            return
        seen = {"method": self.command, "path": self.path, "body": body}
        data = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = _answer  # noqa: N815

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving() -> Iterator[EchoServer]:
    """Run a server on a free loopback port."""
    with served(EchoServer()) as server:
        yield server
