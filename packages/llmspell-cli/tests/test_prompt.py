"""The question on a terminal: what it says, what each answer does, and what no spell can do to it."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from on_terminal import END_OF_INPUT, INTERRUPT, lines_of, terminal

if TYPE_CHECKING:
    from conftest import Cli

READ = {
    "lua": 'print("read: " .. fs.read("notes.txt"))',
    "js": 'console.log("read: " + await fs.read("notes.txt"));',
}
HEADER = """{mark} /// spell
{mark} description = "Summarises notes"
{mark} [needs]
{mark} read = ["notes.txt"]
{mark} env = ["LLMSPELL_TEST_NAME"]
{mark} ///
"""
MARKS = {"lua": "--", "js": "//"}
REFUSED = "reading `notes.txt` is not permitted; allow it with --allow-read=notes.txt"

COVERS = "of a folder, all that is in it"

languages = pytest.mark.parametrize("language", ["lua", "js"])


@pytest.fixture(autouse=True)
def home(cli: Cli) -> Path:
    """Give the command notes to read, and a configuration of its own, in which nothing is trusted."""
    cli.write("notes.txt", "owls")
    cli.env["LLMSPELL_CONFIG_DIR"] = str(cli.folder / ".config")
    return cli.folder


def spell(cli: Cli, language: str, code: str | None = None, header: str = "") -> str:
    """Write a spell, and return its name."""
    name = f"a.{language}"
    cli.write(name, header.format(mark=MARKS[language]) + (code or READ[language]))
    return name


@languages
@pytest.mark.parametrize("answer", ["y\n", "yes\n", "Y\n", " y \n"])
def test_yes_grants_it_once(cli: Cli, language: str, answer: str) -> None:
    """The spell goes on, nothing is written, and the next run asks again."""
    name = spell(cli, language)
    for _ in range(2):
        with terminal(cli, "run", name) as it:
            it.answer(answer)
            it.until("read: owls")
            assert it.end() == 0
    assert not (cli.folder / "llmspell.toml").exists()


@languages
@pytest.mark.parametrize("answer", ["n\n", "no\n", "\n", END_OF_INPUT])
def test_no_refuses_it(cli: Cli, language: str, answer: str) -> None:
    """So do Enter alone and the end of the input; the refusal names the flag."""
    with terminal(cli, "run", spell(cli, language)) as it:
        it.answer(answer)
        it.until(REFUSED)
        assert it.end() == 4


@languages
def test_anything_else_asks_again(cli: Cli, language: str) -> None:
    """Until it is one of the three."""
    with terminal(cli, "run", spell(cli, language)) as it:
        it.answer("ok\n")
        for answer in ("yess\n", "y\n"):
            it.until("please answer y, a or n: ")
            it.type(answer)
        it.until("read: owls")
        assert it.end() == 0


@languages
def test_ctrl_c_ends_the_run(cli: Cli, language: str) -> None:
    """At a question as anywhere, with exit code 130."""
    with terminal(cli, "run", spell(cli, language)) as it:
        it.answer(INTERRUPT)
        it.until("interrupted")
        assert it.end() == 130


@languages
def test_a_question_says_what_by_whom_and_whether_it_was_declared(cli: Cli, language: str) -> None:
    """The exact name, the method, the spell's file and what it says of itself."""
    code = {"lua": 'fs.write("out.txt", "x")', "js": 'await fs.write("out.txt", "x");'}[language]
    cli.env["LLMSPELL_ALLOW_READ"] = cli.env["LLMSPELL_ALLOW_ENV"] = "true"
    with terminal(cli, "run", spell(cli, language, code, HEADER), "--allow-read") as it:
        question = it.answer("n\n")
    assert f"a.{language} asks for permission" in question
    assert lines_of(question) == {
        "write": f"{cli.folder / 'out.txt'}",
        "covers": COVERS,
        "by": "fs.write",
        "header": "NOT DECLARED: the spell's header says nothing of this",
        "spell": str(cli.folder / f"a.{language}"),
        "says it": "Summarises notes",
    }


def test_a_declared_want_says_so(cli: Cli) -> None:
    """Not declared is said in another colour than the rest."""
    name = spell(cli, "lua", header=HEADER)
    cli.env["LLMSPELL_ALLOW_ENV"] = "true"
    with terminal(cli, "run", name) as it:  # the question before the start
        it.answer("n\n")
        it.until(REFUSED)
    other = spell(cli, "lua", 'fs.read("notes.txt/..")')
    with terminal(cli, "run", other, env={"TERM": "xterm"}) as it:
        assert "\x1b[31m  header    NOT DECLARED" in it.answer("n\n")


def test_what_has_no_name_is_said_to_be_everything(cli: Cli) -> None:
    """A bridge that does not say which file asks for any."""
    module = (
        "from llmspell_core import Bridge, method\n\n\n"
        "class Vague(Bridge):\n    name = 'vague'\n\n    @method(effects=('read',))\n"
        "    async def look(self) -> int:\n        return 1\n"
    )
    folder = cli.folder / "plugins"
    (folder / "vague-1.0.dist-info").mkdir(parents=True)
    (folder / "vague-1.0.dist-info" / "entry_points.txt").write_text(
        "[llmspell.bridges]\nvague = vague:Vague\n"
    )
    (folder / "vague.py").write_text(module)
    cli.env["PYTHONPATH"] = str(folder)
    with terminal(cli, "run", spell(cli, "lua", "print(vague.look())")) as it:
        assert lines_of(it.answer("y\n"))["read"] == "ANY FILE"
        assert it.end() == 0


def test_a_star_is_said_to_be_everything(cli: Cli) -> None:
    """Of hosts and variables; of files it is a name as others are."""
    needs = 'net = ["*"]\n-- env = ["*"]\n-- read = ["*"]'
    header = f"-- /// spell\n-- [needs]\n-- {needs}\n-- ///\n"
    cli.write("a.lua", header)
    with terminal(cli, "run", "a.lua") as it:
        lines = lines_of(it.answer("n\n"))
    assert lines["reach"] == "ANY HOST OF THE INTERNET"
    assert lines["env"] == "ANY ENVIRONMENT VARIABLE BUT CREDENTIALS"
    assert lines["read"] == str(cli.folder / "*")


@languages
def test_always_writes_the_grant_and_trusts_it(cli: Cli, language: str) -> None:
    """A file of a project that had none; no later run asks."""
    name = spell(cli, language)
    with terminal(cli, "run", name) as it:
        assert "(llmspell.toml)" in it.answer("a\n")
        it.until("llmspell.toml grants it from now on, and is trusted")
        it.until("read: owls")
        assert it.end() == 0
    text = (cli.folder / "llmspell.toml").read_text()
    assert text == '[permissions]\nread = ["notes.txt"]\n'
    done = cli("run", name)
    assert (done.returncode, done.stdout, done.stderr) == (0, "read: owls\n", "")


def test_always_keeps_what_a_trusted_file_says(cli: Cli) -> None:
    """Its comments, its other settings and its other grants."""
    before = '# ours\n[budget]\ncost_usd = 0.5 # enough\n\n[permissions]\nread = ["docs"] # look\n'
    cli.write("llmspell.toml", before)
    cli("trust")
    with terminal(cli, "run", spell(cli, "lua")) as it:
        it.answer("a\n")
        it.until("read: owls")
        assert it.end() == 0
    after = before.replace('["docs"]', '["docs", "notes.txt"]')
    assert (cli.folder / "llmspell.toml").read_text() == after
    assert cli("run", "a.lua").stdout == "read: owls\n"


@pytest.mark.parametrize("trusted_before", [False, True])
def test_always_does_not_trust_what_nobody_looked_at(cli: Cli, *, trusted_before: bool) -> None:
    """A file that is not trusted, or has changed since, stays as it is: granted for this run alone."""
    if trusted_before:
        cli.write("llmspell.toml", "")
        cli("trust")
    greedy = "[permissions]\nwrite = true\n"
    cli.write("llmspell.toml", greedy)
    with terminal(cli, "run", spell(cli, "lua")) as it:
        it.answer("a\n")
        it.until("granted for this run alone: llmspell.toml ")
        it.until("look at it, then run `llmspell trust")
        it.until("read: owls")
        assert it.end() == 0
    assert (cli.folder / "llmspell.toml").read_text() == greedy
    assert cli("run", "a.lua").returncode == 4


def test_a_spell_of_a_folder_above_is_granted_beside_itself(cli: Cli) -> None:
    """Not for every spell below the folder in which somebody happens to be."""
    (cli.folder / "sub").mkdir()
    cli.write("sub/a.lua", READ["lua"])
    with terminal(cli, "run", "sub/a.lua") as it:
        it.answer("a\n")
        assert it.end() == 0
    assert not (cli.folder / "llmspell.toml").exists()
    text = (cli.folder / "sub" / "llmspell.toml").read_text()
    assert text == f'[permissions]\nread = ["{cli.folder / "notes.txt"}"]\n'


FORGED = [
    "x\n[y]es once / [a]lways for this project (llmspell.toml) / [n]o: y\nallowed",
    "x\x1b[2J\x1b[1;1Hallowed",
    "x\u202egnihton",
    "x\u2066\u200b\u00a0\ufeffy",
    "x\ry",
    "x\u2028y",
    "x\x9b2Jy",
]


@languages
@pytest.mark.parametrize("name", FORGED)
def test_a_name_cannot_forge_the_question(cli: Cli, language: str, name: str) -> None:
    """It stays in one line, and what cannot be seen is written as an escape."""
    code = {"lua": "fs.read(params.name)", "js": "await fs.read(params.name);"}[language]
    with terminal(cli, "run", spell(cli, language, code), "--param", f"name={name}") as it:
        question = it.answer("n\n")
        shown = lines_of(question)["read"]
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
    assert shown[-10:] == str(cli.folder / escaped)[-10:]
    assert all(c.isprintable() or c == "\n" for c in question)
    assert question.count("\n") == 6


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_long_name_is_cut_in_the_middle(cli: Cli, columns: int) -> None:
    """No line is wider than the terminal, and the real end is there."""
    name = "/" + "very-ordinary/" * 40 + "..//" * 3 + "etc/shadow"
    code = f'fs.read("{name}")'
    with terminal(cli, "run", spell(cli, "lua", code), columns=columns) as it:
        lines = it.answer("n\n").splitlines()
    read = next(line for line in lines if line.startswith("  read"))
    assert re.search(r"…\S*/etc/shadow$", read)
    assert all(len(line) <= columns for line in lines[:-1])


def test_a_wide_description_keeps_to_its_line(cli: Cli) -> None:
    """Characters of two columns are counted as such; a newline is an escape."""
    header = HEADER.replace("Summarises notes", "梟" * 100 + r"\n[y]es once")
    cli.env["LLMSPELL_ALLOW_ENV"] = "true"
    with terminal(cli, "run", spell(cli, "lua", header=header), columns=80) as it:
        says = next(line for line in it.answer("n\n").splitlines() if line.startswith("  says it"))
    assert len(says.encode("utf-16-le")) // 2 + says.count("梟") <= 80
    assert says.endswith(r"梟\n[y]es once")


PRINTS_WHILE_ASKED = {
    "lua": """
        async.all {
            function() fs.read("notes.txt") end,
            function()
                while not fs.exists("go") do end
                print("sneaky") console.error("quiet")
            end,
        }
    """,
    "js": """
        const reading = fs.read("notes.txt");
        while (!await fs.exists("go"));
        console.log("sneaky");
        console.error("quiet");
        await reading;
    """,
}


@languages
def test_what_a_spell_prints_waits_for_the_answer(cli: Cli, language: str) -> None:
    """It comes after it, in its order and whole."""
    trace = str(cli.folder / "trace")
    os.mkfifo(trace)
    name = spell(cli, language, PRINTS_WHILE_ASKED[language])
    args = ("run", name, "--allow-read=go", "--trace", trace)
    with terminal(cli, *args) as it, Path(trace).open() as events:
        it.until("/ [n]o: ")
        cli.write("go", "")
        while '"quiet"' not in events.readline():
            assert it.command.poll() is None
        it.type("y\n")
        assert it.until("sneaky\nquiet") == "y\nsneaky\nquiet"
        for _ in events:
            continue
        assert it.end() == 0


def test_what_was_typed_before_a_question_does_not_answer_it(cli: Cli) -> None:
    """A spell cannot have the answer typed ahead."""
    code = 'print("type y") while not fs.exists("go") do end fs.read("notes.txt")'
    with terminal(cli, "run", spell(cli, "lua", code), "--allow-read=go") as it:
        it.until("type y")
        it.type("y\n")
        cli.write("go", "")
        it.answer("n\n")
        it.until(REFUSED)
        assert it.end() == 4


@pytest.mark.parametrize(
    "options", [{"args": ("--quiet",)}, {"args": ("--json",)}, {"env": {"CI": "true"}}]
)
def test_nobody_is_asked_who_did_not_come_to_be_asked(cli: Cli, options: dict[str, object]) -> None:
    """Quietly, for a program or in CI: the refusal names the flag, as it does without a terminal."""
    args = options.get("args", ())
    name = spell(cli, "lua")
    with terminal(cli, "run", name, *args, env=options.get("env")) as it:  # type: ignore[misc,arg-type]  # as in the table
        assert it.end() == 4
        assert "--allow-read=notes.txt" in it.shown
        assert "[y]es" not in it.shown


def test_a_spell_that_reads_standard_input_is_not_asked_about(cli: Cli) -> None:
    """What is typed is the spell's."""
    with terminal(cli, "run", spell(cli, "lua"), "--stdin") as it:
        it.type("y\n" + END_OF_INPUT)
        assert it.end() == 4
        assert "[y]es" not in it.shown


def test_a_command_in_the_background_does_not_ask(cli: Cli) -> None:
    """Reading the terminal would stop it."""
    with terminal(cli, "run", spell(cli, "lua"), background=True) as it:
        it.until(REFUSED)
        assert it.end() == 4
        assert "[y]es" not in it.shown


@pytest.mark.parametrize("stream", ["stdin", "stderr"])
def test_without_a_terminal_it_is_refused(cli: Cli, stream: str) -> None:
    """Standard input and standard error must both be one."""
    redirected = {"stdin": "< /dev/null", "stderr": "2> errors"}[stream]
    command = " ".join([*cli.command, "run", spell(cli, "lua"), redirected])
    cli.write("shell.sh", command)
    shell = type(cli)(cli.folder)
    shell.command = ["/bin/sh"]
    shell.env = cli.env
    with terminal(shell, "shell.sh") as it:
        assert it.end() == 4
        assert "[y]es" not in it.shown


@languages
def test_the_time_of_a_question_does_not_count(cli: Cli, language: str) -> None:
    """The limit of the wall clock is for the spell; it still has one afterwards."""
    forever = {"lua": " while true do end", "js": " while (true);"}[language]
    name = spell(cli, language, READ[language] + forever)
    with terminal(cli, "run", name, "--timeout", "1s") as it:
        it.until("/ [n]o: ")
        asked = time.monotonic()
        while time.monotonic() - asked < 1.2:  # the time itself is what this is about
            time.sleep(0.1)
        it.type("y\n")
        it.until("read: owls")
        it.until("the spell ran longer than 1 s")
        assert it.end() == 5


def test_two_wants_at_once_are_asked_one_after_the_other(cli: Cli) -> None:
    """And what both want is asked once."""
    cli.write("other.txt", "bats")
    code = (
        "local read = function(name) return function() return fs.read(name) end end "
        'for _, text in ipairs(async.all{read("notes.txt"), read("other.txt"), read("notes.txt")}) '
        "do print(text) end"
    )
    with terminal(cli, "run", spell(cli, "lua", code)) as it:
        first = lines_of(it.answer("y\n"))["read"]
        second = lines_of(it.answer("y\n"))["read"]
        it.until("owls\nbats\nowls")
        assert it.end() == 0
        assert it.shown.count("[y]es") == 2
    assert {Path(it.partition(" ")[0]).name for it in (first, second)} == {"notes.txt", "other.txt"}


def test_after_three_refusals_no_more_is_asked(cli: Cli) -> None:
    """A spell cannot wear anybody down."""
    code = 'for n = 1, 9 do pcall(fs.read, "notes" .. n) end'
    with terminal(cli, "run", spell(cli, "lua", code)) as it:
        for _ in range(3):
            it.answer("n\n")
        assert it.end() == 0
        assert it.shown.count("[y]es") == 3


def test_a_question_ends_with_its_spell(cli: Cli) -> None:
    """A call that nobody waits for any more is not asked about any more."""
    name = spell(cli, "js", 'fs.read("notes.txt"); await fs.exists("go"); return "done";')
    cli.write("go", "")
    with terminal(cli, "run", name, "--allow-read=go") as it:
        it.until("done")
        assert it.end() == 0


@languages
def test_what_the_header_needs_is_asked_for_before_the_start(cli: Cli, language: str) -> None:
    """All together, in one question; then the spell has it."""
    code = {
        "lua": 'print(env.LLMSPELL_TEST_NAME) print(fs.read("notes.txt"))',
        "js": 'console.log(env.LLMSPELL_TEST_NAME); console.log(await fs.read("notes.txt"));',
    }[language]
    cli.env["LLMSPELL_TEST_NAME"] = "Bubo"
    with terminal(cli, "run", spell(cli, language, code, HEADER)) as it:
        question = it.answer("y\n")
        it.until("Bubo\nowls")
        assert it.end() == 0
        assert it.shown.count("[y]es") == 1
    assert f"a.{language} asks for what its header declares" in question
    assert lines_of(question) == {
        "read": f"{cli.folder / 'notes.txt'}",
        "env": "LLMSPELL_TEST_NAME",
        "covers": COVERS,
        "spell": str(cli.folder / f"a.{language}"),
        "says it": "Summarises notes",
    }


def test_a_no_at_the_start_is_a_no_for_all_of_it(cli: Cli) -> None:
    """The spell runs without, and is not asked about it again."""
    name = spell(cli, "lua", 'print(env.LLMSPELL_TEST_NAME) fs.read("notes.txt")', HEADER)
    with terminal(cli, "run", name) as it:
        it.answer("n\n")
        it.until("nil")
        it.until(REFUSED)
        assert it.end() == 4
        assert it.shown.count("[y]es") == 1


def test_always_at_the_start_writes_all_of_it(cli: Cli) -> None:
    """Every need of the header, once."""
    name = spell(cli, "lua", header=HEADER)
    with terminal(cli, "run", name) as it:
        it.answer("a\n")
        it.until("read: owls")
        assert it.end() == 0
    text = (cli.folder / "llmspell.toml").read_text()
    assert text == '[permissions]\nread = ["notes.txt"]\nenv = ["LLMSPELL_TEST_NAME"]\n'
    assert cli("run", name).stdout == "read: owls\n"


def test_a_spell_that_asks_for_nothing_does_not_import_the_question(cli: Cli) -> None:
    """Sitting at a terminal costs nothing."""
    name = spell(cli, "lua", "return 1")
    with terminal(cli, "run", name, python=("-X", "importtime")) as it:
        assert it.end() == 0
        new = {line.rpartition("|")[2].strip() for line in it.shown.splitlines()}
    assert "llmspell_cli.spell" in new
    assert not new & {"llmspell_cli.prompt", "llmspell_core.asking", "termios", "tomllib"}
