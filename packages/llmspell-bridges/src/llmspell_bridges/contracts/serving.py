"""What the servers of the contracts share: a thread of their own, and requests that wait."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

S = TypeVar("S", bound="ThreadingHTTPServer")


class ContractServer(ThreadingHTTPServer):
    """`held` lets requests wait: `waiting` is set while one does, `released` when it is given up."""

    daemon_threads = True

    def __init__(self, handler: type[ContractHandler]) -> None:
        """Listen on a free port of the loopback address."""
        super().__init__(("127.0.0.1", 0), handler)
        self.held = False
        self.waiting = threading.Event()
        self.released = threading.Event()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    @contextmanager
    def holds(self) -> Iterator[None]:
        """Let requests wait."""
        self.held = True
        try:
            yield
        finally:
            self.held = False


class ContractHandler(BaseHTTPRequestHandler):
    """Answers a request, or waits until the other side hangs up."""

    protocol_version = "HTTP/1.1"
    server: ContractServer

    def send(self, status: int, kind: str, data: bytes) -> None:
        """Send a whole answer; to HEAD its head alone."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def wait(self) -> None:
        """Send nothing, and say when nobody waits any more."""
        self.server.waiting.set()
        self.connection.recv(1)  # it ends when the other side hangs up
        self.server.released.set()
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def served(server: S) -> Iterator[S]:
    """Answer requests until the block is left."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
