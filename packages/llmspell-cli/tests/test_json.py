"""`--json`: exactly one document on stdout, for every exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import subprocess

    from conftest import Cli

FIELDS = {"kind", "message", "location", "traceback", "retryable", "bridge", "method", "details"}


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Parse the whole of stdout as one JSON document."""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_result(cli: Cli) -> None:
    """A run that is done has result, usage, cost, duration and logs."""
    code = 'print("a") console.write("b") console.write("c") console.warn("d") return {x = 1}'
    found = document(cli("exec", code, "-l", "lua", "--json"))
    assert found["result"] == {"x": 1}
    assert found["usage"]["llm_calls"] == 0
    assert found["cost_usd"] == 0
    assert found["duration_s"] > 0
    assert found["logs"] == [
        {"level": "log", "text": "a"},
        {"level": "write", "text": "bc"},
        {"level": "warn", "text": "d"},
    ]


CASES: dict[str, tuple[int, str, list[str]]] = {
    "script": (1, "runtime", ["exec", 'error("boom")', "-l", "lua"]),
    "internal": (1, "internal", ["exec", "faulty.crash()", "-l", "lua"]),
    "option": (2, "usage", ["run", "--bogus"]),
    "command": (2, "usage", ["bogus"]),
    "nothing": (2, "usage", []),
    "value": (2, "usage", ["exec", "x", "-l", "lua", "--timeout", "soon"]),
    "file": (2, "configuration", ["run", "nope.lua"]),
    "param": (2, "validation", ["exec", "x", "-l", "lua", "--param", "nonsense"]),
    "syntax": (3, "syntax", ["exec", "x x x", "-l", "lua"]),
    "permission": (4, "permission", ["exec", 'faulty.read("x")', "-l", "lua"]),
    "limit": (5, "limit", ["exec", "while true do end", "-l", "lua", "--timeout", "500ms"]),
    "budget": (5, "budget", ["exec", "faulty.spend()", "-l", "lua", "--max-tool-calls", "0"]),
    "provider": (6, "rate_limit", ["exec", "faulty.ask()", "-l", "lua"]),
}


@pytest.mark.usefixtures("faulty")
@pytest.mark.parametrize("case", CASES)
def test_an_error_of_each_exit_code(cli: Cli, case: str) -> None:
    """Each way to fail has its exit code, and one document with the same fields of the error."""
    code, kind, args = CASES[case]
    done = cli(*args, "--json")
    error = document(done)["error"]
    assert (done.returncode, error["kind"]) == (code, kind)
    assert set(error) == FIELDS
    assert error["message"]
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("faulty")
@pytest.mark.parametrize("case", CASES)
def test_the_same_in_text(cli: Cli, case: str) -> None:
    """In text the exit code is the same, stdout stays empty and stderr says why."""
    code, _, args = CASES[case]
    done = cli(*args)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("faulty")
def test_an_error_has_its_place_and_its_details(cli: Cli) -> None:
    """The document says where in the script it happened, and what its kind knows."""
    found = document(cli("exec", "local x = 1\nfaulty.ask()", "-l", "lua", "--json"))
    error = found["error"]
    assert error["location"]["line"] == 2
    assert error["retryable"] is True
    assert (error["bridge"], error["method"]) == ("faulty", "ask")
    assert error["details"]["retry_after_s"] == 7.0
    assert found["usage"]["llm_calls"] == 0


def test_what_was_printed_before_an_error_is_in_the_document(cli: Cli) -> None:
    """Logs written before an endless loop are there after the kill."""
    code = 'print("before") while true do end'
    found = document(cli("exec", code, "-l", "lua", "--json", "--timeout", "500ms"))
    assert found["logs"] == [{"level": "log", "text": "before"}]


@pytest.mark.parametrize("args", [["info"], ["models", "list"], ["run", "--help"]])
def test_other_commands_answer_in_json(cli: Cli, args: list[str]) -> None:
    """Commands that only tell something tell it in one document as well."""
    done = cli(*args, "--json")
    assert done.returncode == 0
    assert document(done)
