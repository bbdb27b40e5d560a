"""Bad input gets a clear error, and nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Cli

CYCLE = {"lua": "local t = {} t.t = t return t", "js": "const t = {}; t.t = t; return t"}
FUNCTION = {"lua": "return print", "js": "return () => 1"}
HUGE = {"lua": 'return ("x"):rep(100 * 1024 * 1024)', "js": 'return "x".repeat(100 * 1024 * 1024)'}


def test_unknown_suffix(cli: Cli) -> None:
    """A suffix that no engine runs is named, with those that are run."""
    cli.write("a.rb", "puts 1")
    done = cli("run", "a.rb")
    assert done.returncode == 2
    assert "`.rb`" in done.stderr
    assert ".lua" in done.stderr
    assert ".js" in done.stderr


@pytest.mark.parametrize("name", ["missing.lua", "folder.lua", "bytes.lua", "nul.lua", "large.lua"])
def test_files_that_are_no_spells(cli: Cli, name: str) -> None:
    """A file that cannot be read, or is not text, or is too large, says so and runs nothing."""
    (cli.folder / "folder.lua").mkdir()
    cli.write("bytes.lua", b"print(1)\nreturn '\xff'")
    cli.write("nul.lua", "print(1)\nreturn 1 \0")
    cli.write("large.lua", "--" + "x" * (5 * 1024 * 1024))
    words = {
        "missing.lua": "no such file",
        "folder.lua": "is a directory",
        "bytes.lua": "bytes.lua:2: the spell is not UTF-8 text (byte 0xff)",
        "nul.lua": "nul.lua:2: the spell holds a NUL byte",
        "large.lua": "larger than 4 MiB",
    }
    done = cli("run", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert words[name] in done.stderr


@pytest.mark.parametrize("suffix", ["lua", "js"])
@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff"])
def test_empty_spells_do_nothing(cli: Cli, suffix: str, text: str) -> None:
    """An empty spell succeeds and prints nothing."""
    cli.write(f"a.{suffix}", text)
    done = cli("run", f"a.{suffix}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("suffix", ["lua", "js"])
@pytest.mark.parametrize(
    "start", ["\ufeff", "#!/usr/bin/env llmspell\n", "\r\n\r\n", "\ufeff#!x\r\n"]
)
def test_marks_at_the_start_keep_line_numbers(cli: Cli, suffix: str, start: str) -> None:
    """A BOM, a shebang and CRLF are no part of the script, and lines keep their numbers."""
    fail = {"lua": 'error("boom")', "js": 'throw new Error("boom")'}[suffix]
    cli.write(f"a.{suffix}", f"{start}{fail}\n")
    done = cli("run", f"a.{suffix}")
    line = start.count("\n") + 1
    assert done.returncode == 1
    assert done.stderr.startswith(f"a.{suffix}:{line}")
    assert "boom" in done.stderr


@pytest.mark.parametrize("suffix", ["lua", "js"])
@pytest.mark.parametrize("cases", [CYCLE, FUNCTION], ids=["cycle", "function"])
def test_results_that_cannot_cross(cli: Cli, suffix: str, cases: dict[str, str]) -> None:
    """A cycle or a function as the result is the script's failure, with the reason."""
    cli.write(f"a.{suffix}", cases[suffix])
    done = cli("run", f"a.{suffix}")
    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot" in done.stderr


@pytest.mark.parametrize("suffix", ["lua", "js"])
def test_a_result_of_100_mb(cli: Cli, suffix: str) -> None:
    """A result that is too large hits a limit, and the error names it."""
    cli.write(f"a.{suffix}", HUGE[suffix])
    done = cli("run", f"a.{suffix}")
    assert (done.returncode, done.stdout) == (5, "")
    assert "raise it with --" in done.stderr


@pytest.mark.parametrize(
    ("header", "where"),
    [
        ("-- /// spell\n-- description = \n-- ///\n", "a.lua:2: the spell's header is not TOML"),
        ("-- /// spell\n-- a = 1\n", "a.lua:3: the header that opens on line 1 is not closed"),
        ("\n-- /// spell\n-- nonsense = 1\n-- ///\n", "a.lua:2: the spell's header is wrong"),
        ('-- /// spell\n-- [params.a]\n-- type = "int"\n-- ///\n', "did you mean `integer`"),
    ],
)
def test_a_malformed_header(cli: Cli, header: str, where: str) -> None:
    """A header that is wrong says on which line, once, and nothing runs."""
    cli.write("a.lua", header + 'print("ran")')
    done = cli("run", "a.lua")
    assert (done.returncode, done.stdout) == (2, "")
    assert where in done.stderr
    assert done.stderr.count("a.lua:") == 1


@pytest.mark.usefixtures("faulty")
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ('faulti.echo("a")', ["faulti"]),
        ('faulty.ekko("a")', ["ekko"]),
        ("faulty.read{pth = 'a'}", ["unknown argument `pth` of `faulty.read`", "path"]),
        ("faulty.read(1)", ["bad argument `path` to `faulty.read`: expected string"]),
        ("faulty.read()", ["missing argument `path` of `faulty.read`"]),
    ],
)
def test_unknown_bridges_methods_arguments(cli: Cli, code: str, words: list[str]) -> None:
    """A name that is wrong is named, at the script's own line."""
    done = cli("exec", f"\n{code}", "-l", "lua", "--allow-read")
    assert done.returncode == 1
    assert done.stderr.startswith("spell:2: ")
    assert all(word in done.stderr for word in words), done.stderr


def test_a_syntax_error(cli: Cli) -> None:
    """A syntax error says where, and has an exit code of its own."""
    cli.write("a.lua", "local x =\n\nreturn )")
    done = cli("run", "a.lua")
    assert done.returncode == 3
    assert done.stderr.startswith("a.lua:3: ")


@pytest.mark.parametrize("suffix", ["lua", "js"])
def test_a_script_error_shows_the_way_there(cli: Cli, suffix: str) -> None:
    """An error in a function shows each call that led to it, innermost first."""
    code = {
        "lua": "local function f()\n  error('boom')\nend\nlocal function g()\n  f()\n  return 1\nend\ng()",
        "js": "function f() {\n  throw new Error('boom');\n}\n\nfunction g() {\n  f();\n}\ng();",
    }
    cli.write(f"a.{suffix}", code[suffix])
    lines = cli("run", f"a.{suffix}").stderr.splitlines()
    assert lines[0].startswith(f"a.{suffix}:2")
    assert lines[0].endswith(": boom")
    assert [line.split()[1].split(":")[1] for line in lines[1:3]] == [
        "2",
        "5" if suffix == "lua" else "6",
    ]


@pytest.mark.usefixtures("faulty")
def test_a_mistake_of_ours_asks_for_debug(cli: Cli) -> None:
    """A bridge's own mistake shows no Python traceback, but says how to get it."""
    done = cli("exec", "faulty.crash()", "-l", "lua")
    assert "ZeroDivisionError: oops" in done.stderr
    assert "--debug" in done.stderr
    assert "Traceback" not in done.stderr
    shown = cli("exec", "faulty.crash()", "-l", "lua", "--debug").stderr
    assert "Traceback (most recent call last)" in shown
    assert 'raise ZeroDivisionError("oops")' in shown


@pytest.mark.parametrize(
    "args",
    [
        ["--timeout", "0"],
        ["--timeout", "-1"],
        ["--timeout", "nan"],
        ["--memory", "lots"],
        ["--memory", "0"],
        ["--max-cost", "1e3x"],
        ["--max-llm-calls", "-1"],
        ["--max-result", "none"],
        ["--seed", "-1"],
        ["--isolation", "magic"],
        ["--allow-read="],
        ["--allow-net=a,,b"],
        ["-A", "--allow-read"],
        ["--params-file"],
    ],
)
def test_wrong_options(cli: Cli, args: list[str]) -> None:
    """An option's wrong value is a usage error that names the option, and runs nothing."""
    done = cli("exec", 'print("ran")', "-l", "lua", *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert args[-1 if args[0] == "-A" else 0].split("=")[0] in done.stderr
