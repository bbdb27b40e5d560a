"""What the cases of bridges reach: a web server that gives each path what a case says."""

from __future__ import annotations

import http.server
import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


class Web(http.server.ThreadingHTTPServer):
    """Answers with its `pages`, by path; `seen` are the requests, as ``GET /path body``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.pages: dict[str, str] = {}
        self.seen: list[str] = []

    @property
    def host(self) -> str:
        """Where it listens, as a grant is written."""
        return f"127.0.0.1:{self.server_port}"

    def reset(self, pages: dict[str, str]) -> None:
        """Begin another case."""
        self.pages, self.seen = pages, []


class _Answers(http.server.BaseHTTPRequestHandler):
    server: Web

    def do_GET(self) -> None:
        """Give the page of the path; its kind is what it begins as."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        self.server.seen.append(f"{self.command} {self.path} {body}".strip())
        page = self.server.pages.get(self.path)
        self.send_response(404 if page is None else 200)
        text = page or "missing"
        kind = {"<": "text/html", "{": "application/json"}.get(text[0], "text/plain")
        self.send_header("content-type", f"{kind}; charset=utf-8")
        self.end_headers()
        self.wfile.write(text.encode())

    do_POST = do_GET  # noqa: N815 - the name http.server calls it by

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@pytest.fixture(scope="session")
def web() -> Iterator[Web]:
    """Give a web server on this machine."""
    with Web() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
