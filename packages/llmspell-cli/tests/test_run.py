"""`llmspell run` and `exec`: what goes where, in text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Cli

PRINT = {
    "lua": 'print("one", 2) console.log("two") console.write("three") return "four"',
    "js": 'console.log("one\\t2"); console.log("two"); console.write("three"); return "four"',
}
RETURN = {
    "lua": {
        "return nil": "",
        'return "text"': "text\n",
        'return "a\\nb\\n"': "a\nb\n",
        "return true": "true\n",
        "return 42": "42\n",
        'return {b = "ä", a = array{}}': '{\n  "a": [],\n  "b": "ä"\n}\n',
    },
    "js": {
        "return undefined": "",
        'return "text"': "text\n",
        'return "a\\nb\\n"': "a\nb\n",
        "return true": "true\n",
        "return 42": "42\n",
        'return {a: [], b: "ä"}': '{\n  "a": [],\n  "b": "ä"\n}\n',
        "return new Uint8Array([1, 2])": '{\n  "$bytes": "AQI="\n}\n',
        "return [NaN, -Infinity]": '[\n  "NaN",\n  "-Infinity"\n]\n',
        "return 9007199254740993n": "9007199254740993\n",
    },
}


@pytest.mark.parametrize("suffix", PRINT)
def test_prints_and_result_go_to_stdout(cli: Cli, suffix: str) -> None:
    """What a spell prints and its result are stdout, and an open line is closed before it."""
    cli.write(f"a.{suffix}", PRINT[suffix])
    done = cli("run", f"a.{suffix}")
    assert (done.returncode, done.stdout) == (0, "one\t2\ntwo\nthree\nfour\n")
    assert done.stderr == ""


@pytest.mark.parametrize("level", ["info", "warn", "error", "debug"])
def test_other_levels_go_to_stderr(cli: Cli, level: str) -> None:
    """Everything a spell says that is not output is stderr."""
    done = cli("exec", f'console.{level}("hm")', "-l", "lua")
    assert (done.stdout, done.stderr) == ("", "hm\n")


def test_quiet_keeps_errors_only(cli: Cli) -> None:
    """With --quiet stderr has errors alone."""
    done = cli(
        "exec", 'console.info("a") console.warn("b") console.error("c")', "-l", "lua", "--quiet"
    )
    assert done.stderr == "c\n"


@pytest.mark.parametrize(
    ("suffix", "code", "expected"),
    [(suffix, code, text) for suffix, cases in RETURN.items() for code, text in cases.items()],
)
def test_results_as_text(cli: Cli, suffix: str, code: str, expected: str) -> None:
    """Text is printed as it is, nothing for nil, all else as JSON."""
    cli.write(f"a.{suffix}", code)
    assert cli("run", f"a.{suffix}").stdout == expected


def test_exec_reads_code_from_stdin(cli: Cli) -> None:
    """`exec -` runs what stands on standard input."""
    assert cli("exec", "-", "--language", "javascript", stdin="return 6 * 7").stdout == "42\n"


def test_exec_needs_a_language(cli: Cli) -> None:
    """Code on the command line has no suffix to choose a language by."""
    done = cli("exec", "return 1")
    assert done.returncode == 2
    assert "--language" in done.stderr


def test_exec_with_an_unknown_language_lists_those_there_are(cli: Cli) -> None:
    """An engine that is not installed is a usage error with the remedy."""
    done = cli("exec", "return 1", "--language", "cobol")
    assert done.returncode == 2
    assert "javascript, lua" in done.stderr


def test_seed_repeats_a_run(cli: Cli) -> None:
    """The same seed gives the same random numbers."""
    code = "return {math.random(1000000), util.uuid()}"
    runs = [cli("exec", code, "-l", "lua", "--seed", "7").stdout for _ in range(2)]
    assert runs[0] == runs[1]
    assert runs[0] != cli("exec", code, "-l", "lua", "--seed", "8").stdout


@pytest.mark.parametrize("level", ["process", "inproc"])
def test_isolation(cli: Cli, level: str) -> None:
    """A spell runs at each level that there is."""
    assert cli("exec", "return 1", "-l", "lua", "--isolation", level).stdout == "1\n"


def test_require_lock_fails_closed(cli: Cli) -> None:
    """Where there is no kernel lock, --require-lock runs nothing; where there is one, it runs."""
    done = cli(
        "exec", 'print("ran") return 1', "-l", "lua", "--require-lock", "--isolation", "process"
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "lock" in done.stderr


def test_stdin_becomes_a_parameter(cli: Cli) -> None:
    """--stdin reads standard input into params.stdin, and without it nothing is read."""
    code = "return params.stdin or 'none'"
    assert cli("exec", code, "-l", "lua", "--stdin", stdin="grün").stdout == "grün\n"
    assert cli("exec", code, "-l", "lua", stdin="grün").stdout == "none\n"


def test_a_header_asks_for_stdin(cli: Cli) -> None:
    """A spell that declares standard input gets it without the option."""
    cli.write("a.lua", "-- /// spell\n-- [needs]\n-- stdin = true\n-- ///\nreturn #params.stdin")
    assert cli("run", "a.lua", stdin="four").stdout == "4\n"


def test_environment_is_granted_by_name(cli: Cli) -> None:
    """A spell sees a variable that --allow-env names, and no other."""
    code = "return tostring(env.ONE) .. tostring(env.TWO)"
    env = {"ONE": "1", "TWO": "2"}
    assert cli("exec", code, "-l", "lua", "--allow-env=ONE", env=env).stdout == "1nil\n"
    assert cli("exec", code, "-l", "lua", "--allow-env", env=env).stdout == "12\n"
    assert cli("exec", code, "-l", "lua", env=env).stdout == "nilnil\n"


REQUIRE = {
    "lua": (
        'local h = require("lib.helpers")\nreturn h.double(21)',
        "return { double = function(n) return n * 2 end }",
    ),
    "js": (
        'const h = require("lib.helpers");\nreturn h.double(21);',
        "module.exports = { double: (n) => n * 2 };",
    ),
}
LINES = {
    "lua": "local n = 0 for line in console.lines() do n = n + #line end return n",
    "js": "let n = 0; for await (const line of console.lines()) n += line.length; return n",
}


@pytest.mark.parametrize("suffix", REQUIRE)
def test_a_spell_requires_another(cli: Cli, suffix: str) -> None:
    """A literal name is a file of the project."""
    main, helper = REQUIRE[suffix]
    (cli.folder / "lib").mkdir()
    cli.write(f"lib/helpers.{suffix}", helper)
    cli.write(f"main.{suffix}", main)
    done = cli("run", f"main.{suffix}")
    assert (done.returncode, done.stdout) == (0, "42\n")


@pytest.mark.parametrize("suffix", LINES)
def test_standard_input_is_read_line_by_line(cli: Cli, suffix: str) -> None:
    """`console.lines()` gives the lines without their ends."""
    cli.write(f"count.{suffix}", LINES[suffix])
    done = cli("run", f"count.{suffix}", "--stdin", stdin="one\ntwo\r\n\nthree")
    assert (done.returncode, done.stdout) == (0, "11\n")


def test_lines_without_standard_input_say_how_to_give_it(cli: Cli) -> None:
    """A spell does not read the terminal unless it was told to."""
    cli.write("count.lua", LINES["lua"])
    done = cli("run", "count.lua", stdin="x")
    assert done.returncode == 1
    assert "give it with --stdin" in done.stderr
