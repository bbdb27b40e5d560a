"""The pages of docs/ are true: their blocks run, and print what stands below them.

A block whose info string says `run` runs: ```` ```lua run ````, ```` ```javascript run ````,
```` ```python run ````, ```` ```sh run ````, ```` ```toml run ````. A `text` block right below one
or several of them is what each of them prints; a line ``…`` in it stands for any lines. Further
words say what a block is given:

- `model`: the model answers what the comment above says, ``<!-- answers: "Paris." -->``;
- `files`: it may read and write the page's folder;
- `net`: it may reach a server, which stands for https://api.example.com;
- `tools`: it may use every installed tool;
- `mcp`: it may use the MCP server `time`;
- `error`: it fails, and prints the error's kind and message;
- `file=NAME`: it does not run, it is the page's file of that name.

What a page's earlier blocks left in its folder, its later ones find there.
"""

from __future__ import annotations

import http.server
import json
import re
import shlex
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from llmspell_cli import LlmspellError, Permissions, SyncRuntime
from llmspell_cli.as_json import pretty

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Cli
    from llmock.testing import LLMockServer

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
PAGES = sorted(path.stem for path in DOCS.glob("*.md") if "run\n" in path.read_text("utf-8"))
SCRIPTS = {"lua": "spell.lua", "javascript": "spell.js"}
SERVER = "https://api.example.com"
_FENCE = re.compile(
    r"^(?:<!-- answers: (?P<answers>.*?) -->\n)?```(?P<info>[a-z]+[^\n]*)\n(?P<body>.*?)^```\n",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """A block of a page that runs, or is a file of it; `expected` is None where nothing is said."""

    language: str
    words: frozenset[str]
    body: str
    answers: list[Any]
    line: int
    expected: str | None

    @property
    def file(self) -> str | None:
        """The name of the file that the block is, if it is one."""
        return next((w.removeprefix("file=") for w in self.words if w.startswith("file=")), None)


def blocks(text: str) -> list[Block]:
    """Read a page: its blocks that run or are files, each with the `text` block below its group."""
    found: list[Block] = []
    group: list[int] = []
    end = 0
    for match in _FENCE.finditer(text):
        if text[end : match.start()].strip():
            group = []
        end = match.end()
        language, *words = match["info"].split()
        if language == "text":
            for index in group:
                found[index] = found[index]._replace(expected=match["body"])
            group = []
        elif "run" in words or any(word.startswith("file=") for word in words):
            line = text.count("\n", 0, match.start()) + 1
            answers = json.loads(f"[{match['answers'] or ''}]")
            if match["answers"] is None and group:
                answers = found[group[0]].answers
            if "run" in words:
                group.append(len(found))
            found.append(Block(language, frozenset(words), match["body"], answers, line, None))
    return found


class Page:
    """Runs a page's blocks in a folder of its own, the scripts in one runtime."""

    def __init__(self, cli: Cli, server: LLMockServer, web: str) -> None:
        self.cli = cli
        self.server = server
        self.web = web
        self.cli.env["OPENAI_BASE_URL"] = server.base_url("openai")
        self.cli.env["OPENAI_API_KEY"] = "sk-not-a-key"
        self.cli.env["LLMSPELL_MODEL"] = "openai/gpt-4o-mini"
        self.cli.env["LLMSPELL_CONFIG_DIR"] = str(cli.folder / ".config")
        self.cli.env["LLMSPELL_CACHE_DIR"] = str(cli.folder / ".cache")
        self.runs: dict[str, Callable[[Block], str]] = {
            "lua": self.script,
            "javascript": self.script,
            "python": self.program,
            "sh": self.commands,
            "toml": self.configuration,
        }

    def run(self, page: str) -> None:
        """Run the blocks in order; each gives what its page says."""
        provider = {"base_url": self.server.base_url("openai"), "api_key": "sk-not-a-key"}
        model = {"default_model": "openai/gpt-4o-mini", "providers": {"openai": provider}}
        fs = {"root": str(self.cli.folder)}
        mcp = {"time": {"command": sys.executable, "args": ["-m", "mcp_server_time"]}}
        settings = {"llm": model, "fs": fs, "mcp": mcp}
        with SyncRuntime(settings=settings, environ={}) as self.runtime:
            for block in blocks((DOCS / f"{page}.md").read_text(encoding="utf-8")):
                if block.file is not None:
                    path = self.cli.folder / block.file
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(block.body, encoding="utf-8")
                    continue
                self.answer(block.answers)
                printed = self.runs[block.language](block)
                if block.expected is not None:
                    assert matches(printed, block.expected), (
                        f"docs/{page}.md:{block.line}: the {block.language} block prints\n"
                        f"{printed}\ninstead of\n{block.expected}"
                    )

    def answer(self, answers: list[Any]) -> None:
        """Let the model answer these, one after the other: texts, or replies of llmock."""
        from llmock.scenarios import Fail, Reply, ToolCall

        self.server.state.reset()
        for answer in answers:
            given: dict[str, Any] = {"text": answer} if isinstance(answer, str) else {**answer}
            if "status" in given:
                self.server.state.scenarios.add(Fail(**given))
                continue
            calls = [ToolCall(**call) for call in given.pop("tool_calls", ())]
            self.server.state.scenarios.add(Reply(tool_calls=tuple(calls), **given))

    def script(self, block: Block) -> str:
        """Run a spell; return what it prints and returns, or the error it should end with."""
        path = self.cli.folder / SCRIPTS[block.language]
        path.write_text(block.body.replace(SERVER, self.web), encoding="utf-8")
        printed: list[str] = []

        def log(level: str, text: str) -> None:
            printed.append(text if level == "write" else f"{text}\n")

        try:
            value = self.runtime.run_file(path, on_log=log, permissions=self.granted(block)).value
        except LlmspellError as error:
            if "error" not in block.words:
                raise
            return "".join(printed) + f"{error.kind}: {error}\n"
        assert "error" not in block.words, f"line {block.line} ended without an error"
        if value is not None:
            printed.append(f"{value if isinstance(value, str) else pretty(value)}\n")
        return "".join(printed)

    def granted(self, block: Block) -> Permissions:
        """Grant what the block's words say."""
        files: tuple[str, ...] = (".",) if "files" in block.words else ()
        net = (self.web.removeprefix("http://"),) if "net" in block.words else ()
        mcp = ("time",) if "mcp" in block.words else ()
        tool = "tools" in block.words
        return Permissions(read=files, write=files, net=net, mcp=mcp, tool=tool)

    def program(self, block: Block) -> str:
        """Run a Python program; it says nothing on stderr."""
        return self.process([sys.executable, "-c", block.body], block)

    def commands(self, block: Block) -> str:
        """Run each line that begins with `llmspell`; `…; echo $?` shows the exit code."""
        printed: list[str] = []
        for line in block.body.replace("\\\n", " ").splitlines():
            command, shows_code, _ = line.partition("; echo $?")
            before, pipe, command = command.rpartition(" | ")
            stdin = before.removeprefix("printf ").strip("'").replace("\\n", "\n") if pipe else ""
            words = shlex.split(command, comments=True)
            assert words[0] == "llmspell", f"line {block.line}: {line}"
            done = self.cli(*words[1:], stdin=stdin)
            assert shows_code or done.returncode == 0, f"line {block.line}: {line}\n{done.stderr}"
            printed.append(done.stdout + done.stderr)
            if shows_code:
                printed.append(f"{done.returncode}\n")
        return "".join(printed)

    def configuration(self, block: Block) -> str:
        """Read a project's file, as trusted; it raises no mistake and no warning."""
        path = self.cli.write("llmspell.toml", block.body)
        for command in (("trust",), ("info", "config")):
            done = self.cli(*command, env={"LLMSPELL_MODEL": "", "TEAM_KEY": "sk-not-a-key"})
            assert (done.returncode, done.stderr) == (0, ""), f"line {block.line}: {done.stderr}"
        self.cli("trust", "--remove")
        path.unlink()
        return done.stdout

    def process(self, command: list[str], block: Block) -> str:
        """Run a process in the page's folder to its good end."""
        done = subprocess.run(
            command,
            cwd=self.cli.folder,
            env=self.cli.env,
            capture_output=True,
            timeout=50,
            check=False,
        )
        assert (done.returncode, done.stderr.decode()) == (0, ""), f"line {block.line}"
        return done.stdout.decode()


def matches(printed: str, expected: str) -> bool:
    """Compare; a line ``…`` stands for any lines, and an ``…`` in a line for any text."""
    pattern = re.escape(expected).replace("…\\\n", "(?s:.*)").replace("…", ".*")
    return re.fullmatch(pattern, printed) is not None


class _Web(http.server.BaseHTTPRequestHandler):
    """What the pages' blocks talk to: it tells what was sent."""

    def do_GET(self) -> None:
        """Answer with the path and the method, as JSON; /missing is missing."""
        size = int(self.headers.get("content-length") or 0)
        sent = self.rfile.read(size).decode()
        answer = {"method": self.command, "path": self.path, "sent": sent}
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    do_POST = do_GET  # noqa: N815 - the name http.server calls it by

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    """A web server on this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Web) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def server() -> Iterator[LLMockServer]:
    """An OpenAI-compatible server on this machine."""
    from llmock.testing import LLMockServer

    with LLMockServer() as running:
        yield running


# litellm's answers, written by pydantic and openai, warn of these
@pytest.mark.filterwarnings("ignore:Accessing the 'model_")
@pytest.mark.filterwarnings("ignore:Item '.*' on TypedDict class")
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_true(
    cli: Cli, server: LLMockServer, web: str, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every block of the page that says `run` runs, and prints what the page says."""
    monkeypatch.setenv("LLMSPELL_CACHE_DIR", str(cli.folder / ".cache"))
    monkeypatch.setenv("LLMSPELL_STATE_DIR", str(cli.folder / ".state"))
    Page(cli, server, web).run(page)


@pytest.mark.parametrize("page", PAGES)
def test_a_block_that_runs_says_what_it_prints(page: str) -> None:
    """No block runs without its output being compared; a configuration prints none."""
    found = blocks((DOCS / f"{page}.md").read_text(encoding="utf-8"))
    printing = [block for block in found if block.file is None and block.language != "toml"]
    assert [block.line for block in printing if block.expected is None] == []


def test_links_between_the_pages_lead_somewhere() -> None:
    """Each relative link of the pages and of the README names a file, and a heading in it."""
    for page in [ROOT / "README.md", *DOCS.glob("*.md")]:
        text = page.read_text(encoding="utf-8")
        for file, heading in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", text):
            target = page.parent / file if file else page
            assert target.exists(), f"{page.name}: {file}"
            assert not heading or heading in headings(target), f"{page.name}: {file}#{heading}"


def headings(page: Path) -> set[str]:
    """List a page's headings as links name them."""
    found = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in found}


def test_every_page_is_listed() -> None:
    """docs/README.md links every page, and the README links docs/README.md."""
    listed = (DOCS / "README.md").read_text(encoding="utf-8")
    for page in DOCS.glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in listed
    assert "(docs/README.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_kind_of_error_is_described() -> None:
    """The table of kinds in docs/spells.md has each kind of the core, and no other."""
    from llmspell_core.errors import KINDS

    text = (DOCS / "spells.md").read_text(encoding="utf-8")
    table = text.partition("| kind |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(KINDS)


@pytest.mark.parametrize("method", ["complete", "embed"])
def test_every_argument_of_a_method_is_described(method: str) -> None:
    """docs/llm.md names each argument of the method in a table."""
    from llmspell_bridges.llm import LlmBridge
    from llmspell_core import methods_of

    text = (DOCS / "llm.md").read_text(encoding="utf-8")
    firsts = re.findall(r"^\| (`[^|]*`) \|", text, re.MULTILINE)
    named = set(re.findall(r"`(\w+)`", " ".join(firsts)))
    assert {param.name for param in methods_of(LlmBridge)[method].params} - {"ctx"} <= named


def test_every_option_is_described(cli: Cli) -> None:
    """docs/command-line.md names each option of `run` and `exec`."""
    text = (DOCS / "command-line.md").read_text(encoding="utf-8")
    for command in ("run", "exec"):
        options = set(re.findall(r"(--[a-z-]+)", cli(command, "--help").stdout))
        assert {option for option in options if option not in text} == set()


def test_every_setting_is_described() -> None:
    """docs/configuration.md names each setting, and its variable."""
    from llmspell_cli.config.keys import KEYS

    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    for key in KEYS:
        assert f"`{key.name}`" in text
        assert f"`{key.variable}`" in text
