"""A server for the contract tests of bridges, in a thread of its own: it echoes, hangs up and waits."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from llmspell_bridges.contracts.serving import ContractHandler, ContractServer, served

if TYPE_CHECKING:
    from collections.abc import Iterator


class EchoServer(ContractServer):
    """Answers each request with its method, path and body; `broken` hangs up on each."""

    def __init__(self) -> None:
        """Listen on a free port of the loopback address."""
        super().__init__(_Handler)
        self.broken = False


class _Handler(ContractHandler):
    server: EchoServer

    def _answer(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size).decode()
        if self.server.broken:
            self.close_connection = True  # hang up without an answer
            return
        if self.path.startswith("/wait"):
            self.wait()
            return
        seen = {"method": self.command, "path": self.path, "body": body}
        self.send(200, "application/json", json.dumps(seen).encode())

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = _answer  # noqa: N815


@contextmanager
def serving() -> Iterator[EchoServer]:
    """Run a server on a free loopback port."""
    with served(EchoServer()) as server:
        yield server
