"""The examples contract passes examples that do what they say, and catches the others."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from llmspell_testkit.example import ExampleCase, ExamplesContract, read_expected
from llmspell_testkit.loader import CaseFileError

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["pytester"]

COMMAND = """
import json, os, pathlib, sys, urllib.request
if sys.argv[1] == "trust":
    sys.exit()
code = pathlib.Path(sys.argv[2]).read_text()
exec(code, {"args": sys.argv[3:], "stdin": sys.stdin.read(), "ask": lambda prompt: json.load(
    urllib.request.urlopen(urllib.request.Request(
        os.environ["OPENAI_BASE_URL"] + "/chat/completions",
        json.dumps({"model": "m", "messages": [{"role": "user", "content": prompt}]}).encode(),
    ))
)["choices"][0]["message"]["content"]})
"""
SPELL = "print(ask(args[0] + stdin)); open('out.txt', 'w').write('kept')"
EXPECTED = """
model = "mock"

[[case]]
args = ["Hi"]
stdin = " Ada"
replies = [{ text = "Hello" }]
stdout_matches = 'Hel+o\\n'
stderr = ""
files = { "out.txt" = "kept" }
requests = [["user: Hi Ada"]]
"""
SUITE = """
import sys
from pathlib import Path
from llmspell_testkit import ExamplesContract

class TestExamples(ExamplesContract):
    folder = Path("examples")
    command = (sys.executable, str(Path("command.py").resolve()))
    suffixes = (".one", ".two")
    {more}
"""


def run(pytester: pytest.Pytester, more: str = "", **spells: str) -> pytest.RunResult:
    """Run the contract over one example, in the languages that are given."""
    folder = pytester.path / "examples" / "hello"
    folder.mkdir(parents=True)
    (folder / "expected.toml").write_text(EXPECTED)
    for suffix, text in (spells or {"one": SPELL, "two": SPELL}).items():
        (folder / f"hello.{suffix}").write_text(text)
    pytester.makepyfile(command=COMMAND, test_it=SUITE.format(more=more))
    idle = [f"-pno:{name}" for name in ("cacheprovider", "timeout", "hypothesispytest", "anyio")]
    return pytester.runpytest_inprocess(*idle)


def test_examples_that_do_what_they_say_pass(pytester: pytest.Pytester) -> None:
    """A test for each language, and one that all languages are there."""
    run(pytester).assert_outcomes(passed=3)


def test_everything_that_differs_is_shown(pytester: pytest.Pytester) -> None:
    """Exit code, output, errors, files and requests are compared; the report names the example."""
    bad = "print(ask('Bye')); sys = __import__('sys'); print('oops', file=sys.stderr); sys.exit(3)"
    result = run(pytester, one=SPELL, two=bad)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "hello/hello.two (expected ≠ got):",
            "exit code 0 ≠ 3; it said:",
            "errors '' ≠ 'oops\\n'",
            'out.txt text "kept" ≠ null',
            'requests[[]0[]][[]0[]] text "user: Hi Ada" ≠ text "user: Bye"',
        ]
    )


def test_a_missing_language_is_caught(pytester: pytest.Pytester) -> None:
    """An example that is not written in every language fails."""
    result = run(pytester, one=SPELL)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*hello is not written in .two*"])


def test_a_world_can_be_prepared(pytester: pytest.Pytester) -> None:
    """`prepare` changes arguments, environment and files before the example runs."""
    more = "prepare = staticmethod(lambda run: run.args.append('more'))"
    spell = SPELL + "; assert args[1] == 'more'"
    run(pytester, more, one=spell, two=spell).assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model = 'mock'\nfoo = 1", "foo"),
        ("model = 'mock'\n[[case]]\nstdout_matches = ''\nstdot = ''", r"case 0.*stdot"),
        ("model = 'mock'\n[[case]]\nargs = []", r"case 0.*stdout_matches"),
        ("model =", "hello/expected.toml"),
    ],
)
def test_a_mistake_in_expectations_is_named(tmp_path: Path, text: str, message: str) -> None:
    """An unknown key, a missing one, and what is no TOML are errors that name the file."""
    folder = tmp_path / "hello"
    folder.mkdir()
    (folder / "expected.toml").write_text(text)
    with pytest.raises(CaseFileError, match=message):
        read_expected(folder)


def test_a_case_can_have_more_fields(tmp_path: Path) -> None:
    """A subclass of the record reads what its `prepare` needs."""

    class More(ExampleCase, frozen=True, kw_only=True):
        found: str

    folder = tmp_path / "hello"
    folder.mkdir()
    (folder / "expected.toml").write_text(
        'model = "local"\n[[case]]\nstdout_matches = ""\nfound = "x"'
    )
    model, [case] = read_expected(folder, More)
    assert model == "local"
    assert isinstance(case, More)
    assert case.found == "x"


def test_the_command_is_that_of_this_python() -> None:
    """Unless it is said otherwise, examples are run with the installed command."""
    assert ExamplesContract.command == (sys.executable, "-m", "llmspell_cli")
