"""What the tests of the command share: real processes, spells in files, a plugin of their own."""

from __future__ import annotations

import http.server
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell ignores Ctrl-C for what it starts in the background, and every child inherits that
    signal.signal(signal.SIGINT, signal.default_int_handler)
COMMAND = [sys.executable, "-m", "llmspell_cli"]
LANGUAGES = ("lua", "js")
_OURS = ("LLMSPELL_MODEL", "LLMSPELL_MODELS_FROM", "NO_COLOR", "OPENAI_", "PYTHONWARNINGS")


class Cli:
    """Runs the command in a folder of its own."""

    command = COMMAND

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(_OURS)}
        self.env["LLMSPELL_STATE_DIR"] = str(folder / ".state")

    def write(self, name: str, text: str | bytes) -> Path:
        """Write a file beside the others."""
        path = self.folder / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def __call__(
        self, *args: str, stdin: str | bytes = b"", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end; stdout and stderr are text."""
        done = subprocess.run(
            [*COMMAND, *args],
            cwd=self.folder,
            env={**self.env, **(env or {})},
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            timeout=50,
            check=False,
        )
        out, err = done.stdout.decode(), done.stderr.decode()
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        """Start it and let it run; its streams are pipes."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [*COMMAND, *args], cwd=self.folder, env=self.env, stdin=pipe, stdout=pipe, stderr=pipe
        )


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The command, in an empty folder."""
    return Cli(tmp_path)


@pytest.fixture
def plugin(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], None]:
    """Install a distribution for the command: its entry points and the module they name."""
    folder = tmp_path_factory.mktemp("plugins")
    cli.env["PYTHONPATH"] = os.pathsep.join(
        [str(folder), *filter(None, [cli.env.get("PYTHONPATH")])]
    )

    def install(entry_points: str, module: str) -> None:
        info = folder / "acme_plugin-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-plugin\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(entry_points)
        (folder / "acme_plugin.py").write_text(module)

    return install


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


FAULTY = '''
from __future__ import annotations
from llmspell_core import Bridge, RateLimitError, method
from llmspell_core import CallContext


class Faulty(Bridge):
    """Fails in every way there is an exit code for."""

    name = "faulty"

    @method(effects=("read",))
    async def read(self, path: str) -> str:
        """Need a permission."""
        return path

    @method()
    async def spend(self, *, ctx: CallContext) -> None:
        """Spend a tool call of the budget."""
        ctx.session.ledger.count_tool_call()

    @method()
    async def ask(self) -> None:
        """Meet a provider that wants less."""
        raise RateLimitError("slow down", provider="acme", retry_after_s=7.0)

    @method()
    async def crash(self) -> None:
        """Have a mistake."""
        raise ZeroDivisionError("oops")

    @method()
    async def echo(self, value: object) -> object:
        """Give back what it was given."""
        return value
'''


@pytest.fixture
def faulty(plugin: Callable[[str, str], None]) -> None:
    """Install the bridge `faulty`."""
    plugin("[llmspell.bridges]\nfaulty = acme_plugin:Faulty\n", FAULTY)
