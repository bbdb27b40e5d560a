"""The example distributions of third parties, and the page that walks through them."""

from __future__ import annotations

import ast
import json
import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Cli

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples" / "third-party"
PAGE = ROOT / "docs" / "third-party.md"
ENGINE = EXAMPLES / "llmspell-starlark" / "src" / "llmspell_starlark"
BRIDGE = EXAMPLES / "llmspell-dictionary" / "src" / "llmspell_dictionary"
_QUOTED = re.compile(
    r"^<!-- (part|whole) of (\S+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


@pytest.fixture
def installed(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """The command, where both distributions are installed as their projects say."""
    site = tmp_path_factory.mktemp("site")
    folders = [str(site)]
    for folder in EXAMPLES.iterdir():
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        )
        groups = (
            f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in entries.items())
            for group, entries in project["entry-points"].items()
        )
        (info / "entry_points.txt").write_text("".join(groups))
        folders.append(str(folder / "src"))
    cli.env["PYTHONPATH"] = os.pathsep.join(folders)
    return cli


def quoted() -> Iterator[tuple[str, str, str]]:
    """Read what the page quotes: whether all of it, the file, the text."""
    for match in _QUOTED.finditer(PAGE.read_text(encoding="utf-8")):
        yield match[1], match[2], match[3]


def test_the_page_quotes_the_files() -> None:
    """Every block of Python, Starlark and TOML on the page is the text of a file, in part or whole."""
    found = list(quoted())
    blocks = re.findall(
        r"^```(?:python|starlark|toml)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(found) == len(blocks) > 10
    for extent, path, text in found:
        whole = (ROOT / path).read_text(encoding="utf-8")
        assert text == whole if extent == "whole" else text in whole, f"{path} is not as quoted"


@pytest.mark.timeout(200)  # some 300 cases and checks: 15 s, on a machine with nothing else to do
def test_the_pages_command_says_what_the_page_says(installed: Cli) -> None:
    """Both distributions keep their contracts, and the command says so as the page shows it."""
    command = installed.start("conformance", "starlark", "dictionary", "--jobs", "2")
    told = command.communicate(timeout=180)[0].decode()
    page = PAGE.read_text(encoding="utf-8")
    shown = page.partition("llmspell conformance starlark dictionary")[2].partition("```text\n")[2]
    expected = re.escape(shown.partition("```")[0]).replace("…", r"\d+")
    assert command.returncode == 0, told
    assert re.match(expected, told), told


def test_a_starlark_spell_runs(installed: Cli) -> None:
    """The spell of the engine's README runs on the command line, and calls bridges."""
    readme = (EXAMPLES / "llmspell-starlark" / "README.md").read_text(encoding="utf-8")
    spell = readme.partition("```python\n")[2].partition("```")[0]
    installed.write("greet.star", spell)
    done = installed("run", "greet.star", "--isolation", "inproc", "-p", "name=Ada")
    assert (done.returncode, done.stdout) == (0, "Hello Ada\nGoodbye Ada\n3\n")
    installed.write("read.star", 'x = 1\nresult = fs.read("notes.txt")')
    refused = installed("run", "read.star", "--isolation", "inproc")
    assert refused.returncode == 4
    assert "read.star:2" in refused.stderr
    assert "--allow-read=notes.txt" in refused.stderr


def test_bridges_are_asked_in_starlark(installed: Cli) -> None:
    """The contract of our own bridge calls it from Starlark, and counts what that engine declines."""
    done = installed("conformance", "fs", "--topic", "type_safety", "--json", "found.json")
    assert done.returncode == 0, done.stdout
    (subject,) = json.loads((installed.folder / "found.json").read_text())["subjects"]
    found = {it["id"]: it for it in subject["results"] if it["id"].endswith("-starlark")}
    outcomes = {name: it["outcome"] for name, it in found.items()}
    assert {outcomes[name] for name in ("spoken-starlark", "read.same-in-starlark")} == {"passed"}
    assert {it["declines"][0] for it in found.values() if it["outcome"] == "declined"} == {
        "streams"
    }


def test_what_starlark_cannot_do_is_told_on_the_command_line(installed: Cli) -> None:
    """A spell that needs what the engine declines is refused, and the error names the capability."""
    done = installed("exec", "result = util.uuid()", "-l", "starlark", "--isolation", "inproc")
    assert done.returncode == 1
    assert "it declines stdlib" in done.stderr


def lines_of_code(file: Path) -> int:
    """Count the lines of a file that are neither blank nor a comment nor a docstring."""
    text = file.read_text(encoding="utf-8")
    numbered = enumerate(text.splitlines(), start=1)
    code = {number for number, line in numbered if line.strip() and line.strip()[0] != "#"}
    if file.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                code -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(code)


def test_the_engine_is_small() -> None:
    """All that makes the engine, in both languages, is 150 lines at most; so is all its Python as it stands."""
    proof = {"__init__.py", "contract.py", "speaker.py"}
    files = [f for f in ENGINE.iterdir() if f.suffix in (".py", ".star") and f.name not in proof]
    assert {"engine.py", "prelude.star"} < {file.name for file in files}
    assert sum(map(lines_of_code, files)) <= 150
    texts = [file.read_text(encoding="utf-8") for file in files]
    python = [text for file, text in zip(files, texts, strict=True) if file.suffix == ".py"]
    assert sum(len(text.splitlines()) for text in python) <= 150
    assert max(len(line) for text in texts for line in text.splitlines()) <= 100


def test_the_examples_stand_on_public_names() -> None:
    """The bridge has 60 lines at most; engine and bridge import the core and their library alone."""
    assert len((BRIDGE / "__init__.py").read_text().splitlines()) <= 60
    import llmspell_core

    public = set(llmspell_core.__all__)
    for file in [*ENGINE.glob("*.py"), *BRIDGE.glob("*.py")]:
        if file.name in {"contract.py", "speaker.py"}:  # what needs the testkit
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("llmspell_"):
                own = node.module.split(".")[0] in {"llmspell_starlark", "llmspell_dictionary"}  # type: ignore[union-attr]  # it has one
                names = {alias.name for alias in node.names}
                assert own or (node.module == "llmspell_core" and names <= public), file
