"""What the tests of the built-in tools share: a run in a folder of its own, and a web server."""

from __future__ import annotations

import http.server
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_bridges.tools import ToolsBridge
from llmspell_core import Permissions, Session
from llmspell_core.dispatch import call

if TYPE_CHECKING:
    from pathlib import Path

Use = Callable[..., Awaitable[Any]]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio."""
    return "asyncio"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make the project's folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
async def run(root: Path) -> AsyncIterator[Callable[..., Use]]:
    """Start runs that may use every tool, with grants and settings of the test's own."""
    made: list[Session] = []

    def make(settings: dict[str, Any] | None = None, ask: Any = None, **grants: Any) -> Use:
        given = {"tool": True, "read": (".",), "write": (".",), "net": ("127.0.0.1",), **grants}
        session = Session(
            bridges={"tools": ToolsBridge()},
            settings={"fs": {"root": str(root)}, "tools": settings or {}},
            permissions=Permissions(**given),
            ask=ask,
        )
        made.append(session)

        async def use(name: str, *args: Any) -> Any:
            return await call(session, "tools", name, list(args))

        use.session = session  # type: ignore[attr-defined]  # for the tests that look at the run
        return use

    yield make
    for session in made:
        await session.close()


@pytest.fixture
def use(run: Callable[..., Use]) -> Use:
    """Call a tool in a run that may read, write, and reach this machine."""
    return run()


class Web(http.server.ThreadingHTTPServer):
    """Answers with its `pages`, by path: status, headers, body; `seen` are the requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.pages: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []

    def url(self, path: str = "") -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def page(
        self,
        path: str,
        body: str | bytes,
        kind: str = "text/html",
        status: int = 200,
        **headers: str,
    ) -> str:
        """Set a page; return its address."""
        data = body.encode() if isinstance(body, str) else body
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        self.pages[path] = (status, {"content-type": kind, **named}, data)
        return self.url(path)


class _Answers(http.server.BaseHTTPRequestHandler):
    server: Web

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.seen.append((self.command, self.path, headers, body))
        nothing: tuple[int, dict[str, str], bytes] = (404, {}, b"none")
        status, more, data = self.server.pages.get(self.path.partition("?")[0], nothing)
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        with suppress(ConnectionError):  # enough was read
            self.wfile.write(data)

    do_POST = do_GET  # noqa: N815 - the name http.server calls it by

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@pytest.fixture
def web() -> Iterator[Web]:
    """Give a web server on this machine."""
    with Web() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
