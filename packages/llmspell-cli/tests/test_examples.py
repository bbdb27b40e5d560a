"""The examples, as the README says to run them, each with the same outcome in every language."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tomllib
from importlib.metadata import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from llmock.pytest_plugin import LLMock
from llmock.scenarios import Fail, Match, Reply, ToolCall
from llmock.testing import LLMockServer

from llmspell_testkit.bridge_case import seen_messages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Cli

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def cases() -> Iterator[Any]:
    """Read each example's `expected.toml`: a test per case and language."""
    for folder in sorted(file.parent for file in EXAMPLES.glob("*/expected.toml")):
        expected = tomllib.loads((folder / "expected.toml").read_text())
        spells = sorted(path for path in folder.iterdir() if path.stem == folder.name)
        for number, case in enumerate(expected["case"]):
            for spell in spells:
                name = f"{spell.name}-{number}"
                yield pytest.param(spell, expected["model"], case, id=name)


@pytest.fixture(scope="module")
def server() -> Iterator[LLMockServer]:
    """An OpenAI-compatible server on this machine."""
    with LLMockServer() as running:
        yield running


@pytest.mark.parametrize(("spell", "model", "case"), list(cases()))
def test_example(  # noqa: PLR0917 - pytest's fixtures and parameters
    cli: Cli,
    server: LLMockServer,
    tmp_path_factory: pytest.TempPathFactory,
    spell: Path,
    model: str,
    case: dict[str, Any],
) -> None:
    """Each example gives what its `expected.toml` says, run from its own folder."""
    if model == "mock":
        use_mock(cli, server, case["replies"])
    if "fake_tools" in case:
        fake_tools(cli, tmp_path_factory.mktemp("fakes"), case["fake_tools"])
    shutil.copy(spell, cli.folder)
    configuration = spell.with_name("llmspell.toml")
    if configuration.exists():
        trust(cli, configuration)
    done = cli(
        "run", spell.name, *case["args"], stdin=case.get("stdin", ""), env=case.get("env", {})
    )
    assert done.returncode == case["exit_code"], done.stderr
    assert re.fullmatch(case["stdout_matches"], done.stdout), done.stdout
    if "stderr_matches" in case:
        assert re.fullmatch(case["stderr_matches"], done.stderr), done.stderr
    else:
        assert done.stderr == case["stderr"]
    for name, text in case.get("files", {}).items():
        assert (cli.folder / name).read_text() == text
    if "requests" in case:
        seen = [seen_messages(request.body) for request in LLMock(server).requests]
        assert seen == case["requests"]


def trust(cli: Cli, configuration: Path) -> None:
    """Copy an example's configuration, and trust it; its programs are the tests' own."""
    shutil.copy(configuration, cli.folder)
    cli.env["LLMSPELL_CONFIG_DIR"] = str(cli.folder / ".config")
    cli.env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), cli.env["PATH"]])
    assert cli("trust").returncode == 0


def use_mock(cli: Cli, server: LLMockServer, replies: list[dict[str, Any]]) -> None:
    """Make the providers of the command the mock, which gives each of `replies` once."""
    server.state.reset()
    for reply in replies:
        match = Match(model=reply.get("model"))
        rest = {key: value for key, value in reply.items() if key not in {"model", "calls"}}
        calls = tuple(ToolCall(**call) for call in reply.get("calls", ()))
        fail = Fail(**rest, match=match) if "status" in reply else None
        server.state.scenarios.add(fail or Reply(**rest, tool_calls=calls, match=match))
    for provider in ("OPENAI", "ANTHROPIC"):
        cli.env[f"{provider}_BASE_URL"] = server.base_url(provider.lower())
        cli.env[f"{provider}_API_KEY"] = "sk-not-a-key"


FAKES = """
from pathlib import Path
from llmspell_bridges.tools import Tool

def text(*names):
    properties = {name: {"type": "string"} for name in names}
    return {"type": "object", "properties": properties, "required": list(names)}


class web_search(Tool):
    name = "web_search"
    parameters = text("query")

    async def call(self, arguments, ctx):
        return "found: " + arguments["query"]


class file_write(Tool):
    name = "file_write"
    parameters = text("path", "content")
    effects = ("write",)

    async def call(self, arguments, ctx):
        await ctx.ask("write", arguments["path"])
        path = Path(arguments["path"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(arguments["content"])
        return "written"
"""


def fake_tools(cli: Cli, folder: Path, names: list[str]) -> None:
    """Put tools that need no network in the place of the installed ones.

    The first distribution of a name on the path wins: this one offers what the real one does, but
    for these tools.
    """
    ours = next(path for path in files("llmspell-bridges") or () if path.name == "entry_points.txt")
    kept = [
        line
        for line in ours.read_text().splitlines()
        if line.partition(" = ")[0] not in {*names, "[llmspell.tools]"}
    ]
    rest = ours.read_text().partition("[llmspell.tools]")[2].partition("[")[0].splitlines()
    others = [line for line in rest if line and line.partition(" = ")[0] not in names]
    kept = [line for line in kept if line not in others]
    fakes = [f"{name} = fake_tools:{name}" for name in names]
    info = folder / "llmspell_bridges-0.dist-info"
    info.mkdir()
    lines = ["[llmspell.tools]", *fakes, *others, "", *kept]
    (info / "entry_points.txt").write_text("\n".join(lines))
    (folder / "fake_tools.py").write_text(FAKES)
    paths = [str(folder), *filter(None, [cli.env.get("PYTHONPATH")])]
    cli.env["PYTHONPATH"] = os.pathsep.join(paths)


def test_every_example_is_written_in_both_languages() -> None:
    """An example stands beside its twin in the other language."""
    for folder in (file.parent for file in EXAMPLES.glob("*/*.lua")):
        assert {path.suffix for path in folder.iterdir()} == {".js", ".lua", ".toml"}
