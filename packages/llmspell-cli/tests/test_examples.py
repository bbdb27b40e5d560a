"""The examples, as the README says to run them, each with the same outcome in every language."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Cli
    from llmock.testing import LLMockServer

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def cases() -> Iterator[Any]:
    """Read each example's `expected.toml`: a test per case and language."""
    for folder in sorted(EXAMPLES.iterdir()):
        expected = tomllib.loads((folder / "expected.toml").read_text())
        spells = sorted(path for path in folder.iterdir() if path.stem == folder.name)
        for number, case in enumerate(expected["case"]):
            for spell in spells:
                name = f"{spell.name}-{number}"
                yield pytest.param(spell, expected["model"], case, id=name)


@pytest.fixture(scope="module")
def server() -> Iterator[LLMockServer]:
    """An OpenAI-compatible server on this machine."""
    from llmock.testing import LLMockServer

    with LLMockServer() as running:
        yield running


@pytest.mark.parametrize(("spell", "model", "case"), list(cases()))
def test_example(
    cli: Cli, server: LLMockServer, spell: Path, model: str, case: dict[str, Any]
) -> None:
    """Each example gives what its `expected.toml` says, run from its own folder."""
    if model == "mock":
        use_mock(cli, server, case["replies"])
    shutil.copy(spell, cli.folder)
    done = cli("run", spell.name, *case["args"])
    assert done.returncode == case["exit_code"], done.stderr
    assert re.fullmatch(case["stdout_matches"], done.stdout), done.stdout
    assert done.stderr == case["stderr"]


def use_mock(cli: Cli, server: LLMockServer, replies: list[dict[str, Any]]) -> None:
    """Make the provider `openai` of the command the mock, which gives each of `replies` once."""
    from llmock.scenarios import Fail, Reply

    server.state.reset()
    for reply in replies:
        server.state.scenarios.add(Reply(**reply) if "text" in reply else Fail(**reply))
    cli.env["OPENAI_BASE_URL"] = server.base_url("openai")
    cli.env["OPENAI_API_KEY"] = "sk-not-a-key"


def test_every_example_is_written_in_both_languages() -> None:
    """An example stands beside its twin in the other language."""
    for folder in EXAMPLES.iterdir():
        assert {path.suffix for path in folder.iterdir()} == {".js", ".lua", ".toml"}
