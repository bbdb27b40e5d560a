"""`llmspell conformance`: the contracts, run against what is installed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from llmspell_testkit.conformance.records import Report

sys.path.insert(0, str(Path(__file__).parent))
from on_terminal import terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conftest import Cli

ENGINE = '''
import json, os
from pathlib import Path
from llmspell_core import Bridge, EngineConfig, EngineInfo, Frame, ScriptEngine, ScriptRuntimeError, method
from llmspell_testkit import BridgeContract, EngineContract


class Acme(ScriptEngine):
    """Lines of `return JSON`, `raise TEXT`."""

    info = EngineInfo(name="acme", language="Acme", version="7", suffixes=(".acme",))

    async def check_syntax(self, script, name):
        pass

    async def run_script(self, script, params, session):
        for number, line in enumerate(script.splitlines(), start=1):
            word, _, rest = line.partition(" ")
            if word == "raise":
                raise ScriptRuntimeError(rest, traceback=[Frame(session.name, number + 1)])
            if word == "return":
                return json.loads(rest)


class AcmeContract(EngineContract):
    engine = Acme
    configs = (EngineConfig(isolation="inproc"),)
    sources = Path(__file__).with_name("sources.toml")
    known_failures = {"values-booleans": "there are none yet"}


class Greeter(Bridge):
    """Greets."""

    name = "greeter"

    @method(example={"who": "Ada"})
    async def greet(self, who: str) -> str:
        """Greet somebody."""
        return "Hello " + who


class GreeterContract(BridgeContract):
    bridge = Greeter


class Deadly(Bridge):
    """Ends the process that it runs in."""

    name = "deadly"

    @method(example={"signal": 11})
    async def kill(self, signal: int) -> None:
        """Do it."""
        os.kill(os.getpid(), signal)


class DeadlyContract(BridgeContract):
    bridge = Deadly
'''
ENTRIES = """
[llmspell.engines]
acme = acme_plugin:Acme
[llmspell.bridges]
greeter = acme_plugin:Greeter
[llmspell.contracts]
acme = acme_plugin:AcmeContract
greeter = acme_plugin:GreeterContract
deadly = acme_plugin:DeadlyContract
"""
GOOD = "values-int"
SOURCES = {
    GOOD: "return 42",
    "values-null": "return null",
    "values-booleans": "return [1, 0]",
    "values-float": "return [1]",
    "errors-runtime": "\n\nraise boom",
}


@pytest.fixture
def acme(plugin: Callable[[str, str], None], cli: Cli) -> None:
    """An engine and a bridge that ship their contracts; the engine fails some cases."""
    plugin(ENTRIES, ENGINE)
    write_sources(cli, SOURCES)


def write_sources(cli: Cli, sources: Mapping[str, str]) -> None:
    """Write the engine's sources beside its module."""
    text = "".join(f"{name} = {json.dumps(source)}\n" for name, source in sources.items())
    Path(cli.env["PYTHONPATH"].partition(":")[0], "sources.toml").write_text(text)


def narrowed(*cases: str) -> list[str]:
    """Name cases as options."""
    return [word for case in cases for word in ("--case", case)]


def read(cli: Cli, name: str = "r.json") -> Report:
    """Read a report, typed."""
    return msgspec.json.decode((cli.folder / name).read_bytes(), type=Report)


def outcomes(report: Report) -> dict[str, str]:
    """Say how each case of the first subject ended."""
    return {result.id: result.outcome for result in report.subjects[0].results}


@pytest.mark.usefixtures("acme")
def test_ratios_are_measured_where_they_are_asked_for(cli: Cli) -> None:
    """With --performance, the report has each ratio and the most it may be; without, there is none."""
    write_sources(cli, {"values-nothing": "return null", "performance-calls": "return null"})
    asked = ("conformance", "acme", *narrowed("performance-start"), "--json", "r.json")
    assert cli(*asked).returncode == 2
    done = cli(*asked, "--performance", "--html", "r.html")
    assert done.returncode == 0, done.stderr
    report = read(cli)
    (result,) = report.subjects[0].results
    assert (report.performance, result.topic, result.outcome) == (True, "performance", "passed")
    assert result.ratio is not None
    assert 0 < result.ratio.found <= result.ratio.most == 10
    shown = f"{result.ratio.found:.3g} of at most 10"
    assert f"acme at inproc: performance-start: {shown}: an empty spell" in done.stdout
    assert shown in (cli.folder / "r.html").read_text()


def test_our_engines_at_each_of_their_isolations(cli: Cli) -> None:
    """Installed engines are found, and run at each isolation that they have, several at once."""
    done = cli("conformance", *narrowed(GOOD), "--jobs", "2", "--json", "r.json")
    assert (done.returncode, done.stderr.count("passed in")) == (0, 6)
    report = read(cli)
    assert [subject.title for subject in report.subjects] == [
        f"{name} at {level}"
        for name in ("javascript", "lua")
        for level in ("locked", "process", "inproc")
    ]
    assert all(subject.count("passed") == 1 for subject in report.subjects)
    lua = report.subjects[3]
    assert (lua.version, lua.distribution) == ("5.4", "llmspell-engines")
    assert "hard_timeout" in lua.claims
    assert (lua.declines, lua.lacks) == ([], ["bytes"])
    assert "float_identity" in lua.traits
    assert report.subjects[5].declines == ["hard_timeout", "memory_limit"]


@pytest.mark.usefixtures("acme")
def test_every_outcome(cli: Cli) -> None:
    """A case passes, fails, is declined, or fails as known; a failure makes the exit code 1."""
    cases = (GOOD, "values-float", "values-booleans", "callbacks-apply", "values-bytes")
    done = cli("conformance", "acme", *narrowed(*cases), "--json", "r.json")
    assert done.returncode == 1
    report = read(cli)
    assert outcomes(report) == {
        "callbacks-apply": "declined",
        "values-bytes": "declined",
        GOOD: "passed",
        "values-float": "failed",
        "values-booleans": "known",
    }
    results = {result.id: result for result in report.subjects[0].results}
    assert results["callbacks-apply"].declines == ["callbacks"]
    assert results["values-booleans"].problems == ["there are none yet"]
    assert results["values-float"].script == "return [1]"
    assert results["values-float"].heading == "values#floats"
    assert report.passed is False
    assert "acme at inproc (Acme 7, acme-plugin 1.0): FAILED: 1 passed, 1 failed" in done.stdout


@pytest.mark.usefixtures("acme")
def test_a_failure_is_told_with_its_script(cli: Cli) -> None:
    """A failure shows the case, the contract's page, the script with its lines marked, each difference."""
    done = cli("conformance", "acme", *narrowed("errors-runtime"), "--json", "r.json")
    assert done.returncode == 1
    assert "acme at inproc: errors-runtime: An error the script raises" in done.stdout
    assert "contract: docs/contract/errors.md#script-errors" in done.stdout
    assert "  >   2 | \n" in done.stdout
    assert "     3 | raise boom" in done.stdout
    result = read(cli).subjects[0].results[0]
    assert result.problems == ["error line int 2 ≠ int 4"]
    assert (result.expected_line, result.got_line) == (2, None)


@pytest.mark.timeout(120)  # the whole contract, twice: 8 s, on a machine with nothing else to do
@pytest.mark.usefixtures("acme")
def test_the_verdicts_are_those_of_pytest(cli: Cli) -> None:
    """Every case and test ends as it does when pytest runs the same contract."""
    test = cli.write(
        "test_acme.py",
        "from acme_plugin import AcmeContract\nclass TestAcme(AcmeContract):\n    pass\n",
    )
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", str(test)]
    env = {**cli.env, "PYTEST_ADDOPTS": ""}
    done = subprocess.run(
        command, cwd=cli.folder, env=env, capture_output=True, text=True, timeout=50, check=False
    )
    words = {"PASSED": "passed", "FAILED": "failed", "XFAIL": "known"}
    expected: dict[str, str] = {}
    for line in done.stdout.partition("short test summary info")[2].splitlines():
        word, _, rest = line.partition(" ")
        if word in words:
            name = rest.split(" ")[0].rpartition("::test_")[2]
            function, _, case = name.partition("[inproc")
            mine = function.replace("_", "-") if not case.strip("]-") else case.strip("]-")
            expected[mine] = words[word]
    assert cli("conformance", "acme", "--json", "r.json").returncode == 1
    got = {name: how for name, how in outcomes(read(cli)).items() if how != "declined"}
    limits = {name: name.rpartition("-")[2] for name in got if name.startswith("a-limit-is")}
    got = {limits.get(name, name): how for name, how in got.items()}
    assert len(got) > 100
    assert got == expected


@pytest.mark.usefixtures("acme")
def test_what_ends_its_process_is_told(cli: Cli) -> None:
    """A crash fails its subject, with what its process said; the others are run all the same."""
    done = cli("conformance", "deadly", "greeter", "--topic", "methods", "--json", "r.json")
    assert done.returncode == 1
    assert "deadly: the run broke off: its process was ended by signal 11" in done.stdout
    deadly, greeter = read(cli).subjects
    assert (deadly.passed, greeter.passed) == (False, True)
    assert "in kill" in (deadly.fault or "")
    assert "kill.described" in {result.id for result in deadly.results}


@pytest.mark.usefixtures("acme")
def test_a_bridge_that_ships_its_contract(cli: Cli) -> None:
    """A bridge is held to the contract that its distribution names."""
    done = cli("conformance", "greeter", "--topic", "methods", "--json", "r.json", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    subject = read(cli).subjects[0]
    assert (subject.kind, subject.name, subject.isolation) == ("bridge", "greeter", "")
    assert {result.topic for result in subject.results} == {"methods"}
    assert "greet.described" in {result.id for result in subject.results}


def test_a_bridge_that_ships_no_contract(cli: Cli, plugin: Callable[[str, str], None]) -> None:
    """Of such a bridge only what its metadata shows is looked at, and the report says so."""
    undescribed = ENGINE.replace('"""Greet somebody."""', "")
    plugin("[llmspell.bridges]\ngreeter = acme_plugin:Greeter\n", undescribed)
    done = cli("conformance", "greeter", "fs", "--json", "r.json")
    assert done.returncode == 1
    greeter, fs = read(cli).subjects
    assert (greeter.partial, fs.partial, fs.passed) == (True, False, True)
    assert [r.id for r in greeter.results if r.outcome == "failed"] == ["greet.described"]
    assert "greet.example-runs" not in {result.id for result in greeter.results}
    assert "(its metadata alone: no contract is shipped)" in done.stdout


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nosuch",), "no engine or bridge named `nosuch` is installed"),
        (("acme", "--case", "values-imt"), "did you mean `values-int`"),
        (("acme", "--topic", "valuse"), "did you mean `values`"),
        (("acme", "--json", "no/such/r.json"), "cannot write no/such/r.json"),
        (("acme", "--jobs", "0"), "--jobs"),
    ],
)
def test_what_is_not_there_is_refused(cli: Cli, words: tuple[str, ...], said: str) -> None:
    """A name, topic, case or folder that does not exist is a usage error: nothing is no pass."""
    done = cli("conformance", *words)
    assert done.returncode == 2
    assert said in done.stderr + done.stdout


def test_what_is_shipped_must_be_a_contract(cli: Cli, plugin: Callable[[str, str], None]) -> None:
    """An entry point that names no contract is told with its distribution."""
    plugin("[llmspell.contracts]\nodd = acme_plugin:odd\n", "odd = 5\n")
    done = cli("conformance", "odd")
    assert done.returncode == 2
    assert "the contract `odd` of acme-plugin is no subclass" in done.stderr


def test_an_interruption_ends_what_runs(cli: Cli) -> None:
    """Ctrl-C ends the command and the engine that is being run, which would take a minute more."""
    command = cli.start("conformance", "lua", "--json", "r.json")
    assert command.stderr is not None
    assert command.stderr.readline().startswith(b"lua at locked: ")
    threads = Path("/proc", str(command.pid), "task").glob("*/children")
    children = [pid for thread in threads for pid in thread.read_text().split()]
    assert len(children) == 1
    command.send_signal(signal.SIGINT)
    command.communicate(timeout=40)
    assert command.returncode == 130
    assert not (cli.folder / "r.json").exists()
    assert [pid for pid in children if Path("/proc", pid).exists()] == []


@pytest.mark.usefixtures("acme")
def test_a_bar_on_a_terminal(cli: Cli) -> None:
    """On a terminal, a bar shows how far each engine is."""
    with terminal(cli, "conformance", "acme", *narrowed(GOOD, "values-float")) as shown:
        assert "2/2" in shown.until("1 failed")


@pytest.mark.usefixtures("acme")
def test_the_document_is_as_described(cli: Cli) -> None:
    """The JSON fits its packaged schema, and says which format and contract it is of."""
    import jsonschema

    from llmspell_testkit.conformance.schema import packaged

    cli("conformance", "acme", *narrowed(GOOD, "values-float"), "--json", "r.json")
    document: dict[str, Any] = json.loads((cli.folder / "r.json").read_text())
    jsonschema.Draft202012Validator(packaged()).validate(document)
    assert (document["format"], document["format_version"]) == ("llmspell-conformance", 1)
    assert document["contract_version"] == "0.1"
    assert document["cases"] == [GOOD, "values-float"]
