"""The examples, as the README says to run them, each with the same outcome in every language."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from llmock.pytest_plugin import LLMock
from llmock.scenarios import Fail, Match, Reply, ToolCall
from llmock.testing import LLMockServer

from llmspell_testkit.bridge_case import seen_messages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Cli, Web

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
SEARCH = "html.duckduckgo.com"
"""Who is asked by `web_search`; in the tests it is a server on this machine."""


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
    web: Web,
    spell: Path,
    model: str,
    case: dict[str, Any],
) -> None:
    """Each example gives what its `expected.toml` says, run from its own folder."""
    if model == "mock":
        use_mock(cli, server, case["replies"])
    if "found" in case:
        use_search(cli, web, case["found"])
    shutil.copy(spell, cli.folder)
    configuration = spell.with_name("llmspell.toml")
    if configuration.exists():
        trust(cli, configuration)
    args = [arg.replace(SEARCH, web.host) for arg in case["args"]]
    done = cli("run", spell.name, *args, stdin=case.get("stdin", ""), env=case.get("env", {}))
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


def use_search(cli: Cli, web: Web, title: str) -> None:
    """Let the search engine be on this machine, and find one page for whatever is looked for."""
    page = f'<div class="body"><h2>{title}</h2><a href="https://example.org/a">About it</a></div>'
    web.reset({"/html/": page})
    cli.env["LLMSPELL_CONFIG_DIR"] = str(cli.folder / ".config")
    (cli.folder / ".config").mkdir()
    settings = f'[tools.web_search]\nbase_url = "http://{web.host}"\n'
    cli.write(".config/config.toml", settings)


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


def test_every_example_is_written_in_both_languages() -> None:
    """An example stands beside its twin in the other language."""
    for folder in (file.parent for file in EXAMPLES.glob("*/*.lua")):
        assert {path.suffix for path in folder.iterdir()} == {".js", ".lua", ".toml"}
