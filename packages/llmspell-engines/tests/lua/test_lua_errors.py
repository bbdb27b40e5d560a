"""Errors: what a script catches and what the host is told."""

from __future__ import annotations

from typing import Any

import pytest
from lua_host import FAILED, VALIDATE, Host, HostError, failure, run


def fail(*_: Any) -> None:
    """Answer a call with an error."""
    raise HostError(
        "rate_limit",
        "slow down",
        retryable=True,
        bridge="t",
        method="fail",
        details={"retry_after_s": 3},
    )


def lines(record: dict[str, Any]) -> list[int]:
    """Give the line numbers of a traceback."""
    return [frame["line"] for frame in record["traceback"]]


def test_an_error_text_loses_its_position_prefix() -> None:
    """`error("x")` has the message x; the position stands in the traceback."""
    record = failure('local function f()\n  error("x")\nend\nf()')
    assert (record["kind"], record["message"]) == ("runtime", "x")
    assert record["traceback"] == [
        {"name": "spell.lua", "line": 2, "function": "f"},
        {"name": "spell.lua", "line": 4},
    ]


def test_an_error_value_crosses_in_details() -> None:
    """An error that is a table is in `details.value`."""
    record = failure("error({code = 1})")
    assert (record["message"], record["details"]) == (
        "uncaught error value",
        {"value": {"code": 1}},
    )


@pytest.mark.parametrize(
    "value", ["print", "coroutine.create(print)", "setmetatable({}, {__tostring = error})", "nil"]
)
def test_an_error_value_that_cannot_cross_is_still_an_error(value: str) -> None:
    """No error value breaks the report."""
    assert failure(f"error({value})")["message"] == "uncaught error value"


def test_no_tostring_of_the_script_runs_when_its_error_is_reported() -> None:
    """`__tostring` of an error value is not called."""
    host = Host()
    host.start("error(setmetatable({}, {__tostring = function() print('ran') return 'x' end}))")
    assert host.texts == []


def test_a_host_error_is_a_table_with_fields() -> None:
    """A script sees kind, message, retryable, bridge, method and details."""
    source = """
    local ok, e = pcall(t.fail)
    return {ok, e.kind, e.message, e.retryable, e.bridge, e.method, e.details.retry_after_s, tostring(e), "E: " .. e}"""
    expected = [
        False,
        "rate_limit",
        "slow down",
        True,
        "t",
        "fail",
        3,
        "rate limit error: slow down",
    ]
    assert run(source, {"t.fail": fail}) == [*expected, "E: rate limit error: slow down"]


def test_an_uncaught_host_error_keeps_its_reference() -> None:
    """An error passed on names the call it came from, and where that call was made."""
    record = failure(
        "t.echo(1)\nlocal ok, e = pcall(function()\n  local x = t.fail()\n  return x\nend)\nerror(e)",
        {"t.fail": fail},
    )
    assert (record["kind"], record["ref"], lines(record)[0]) == ("rate_limit", 2, 3)


def test_a_tail_call_of_the_host_still_has_its_line() -> None:
    """`return t.fail()` reports the line although its frame is gone."""
    record = failure("local function f()\n  return t.fail()\nend\nlocal x = f()", {"t.fail": fail})
    assert lines(record) == [2, 4]
    assert lines(failure("\nreturn json.decode('{')")) == [2]


def test_prelude_and_c_frames_are_not_in_tracebacks() -> None:
    """Only the user's lines are shown."""
    record = failure("table.sort({3, 2, 1}, function(a, b)\n  error('x')\nend)")
    assert {frame["name"] for frame in record["traceback"]} == {"spell.lua"}
    assert lines(record)[0] == 2


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("string.rep(nil, 1)", "bad argument #1 to 'rep' (string expected, got nil)"),
        ("('x'):rep({})", "bad argument #2 to 'rep' (number expected, got table)"),
        ("string.upper()", "bad argument #1 to 'upper' (string expected, got nil)"),
        ("table.insert(nil, 1)", "bad argument #1 to 'insert' (table expected, got nil)"),
        ("string.format('%d', 'x')", "bad argument #2 to 'format' (number expected, got string)"),
        ("pairs(nil)", "bad argument #1 to 'pairs' (table expected, got nil)"),
    ],
)
def test_mistakes_in_wrapped_functions_name_them_and_the_users_line(
    code: str, message: str
) -> None:
    """A wrapped library function fails like Lua's own."""
    caught = run(f"local ok, e = pcall(function()\n  {code}\nend) return e")
    assert caught == f"spell.lua:2: {message}"
    record = failure(f"\n{code}")
    assert (record["message"], lines(record)[0]) == (message, 2)


def test_xpcall_handlers_run_where_the_error_is() -> None:
    """The handler gets the error and its result is returned."""
    assert run(
        "return {xpcall(function(a) error(a, 0) end, function(e) return e .. '!' end, 'x')}"
    ) == [False, "x!"]


def test_an_error_in_a_coroutine_keeps_its_lines() -> None:
    """`coroutine.wrap` passes the error on with the frames inside it first."""
    record = failure("local f = coroutine.wrap(function()\n  error('x')\nend)\nf()")
    assert (record["message"], lines(record)) == ("x", [2, 4])


@pytest.mark.parametrize(
    ("source", "line", "part"),
    [
        ("x = = 1", 1, "unexpected symbol near '='"),
        ("\n\nlocal 1", 3, "<name> expected near '1'"),
        ("#!/usr/bin/lua\nx = = 1", 2, "unexpected"),
        ("\ufeffx = = 1", 1, "unexpected"),
        ("\ufeff#!/usr/bin/lua\r\n\r\nx = = 1", 3, "unexpected"),
        ("a()\r\nb()\r\nx = = 1\r\n", 3, "unexpected"),
        ("\x1bLua", 1, "binary chunk"),
        ("x = 'a\x00", 1, "unfinished string"),
        ("goto nowhere", 1, "nowhere"),
        ("(" * 300 + ")" * 300, 1, ""),
    ],
)
def test_syntax_errors_have_name_and_line(source: str, line: int, part: str) -> None:
    """A syntax error has its line, no prefix, and runs nothing; validating gives the same."""
    record = failure(source)
    assert record["kind"] == "syntax"
    assert part in record["message"]
    assert not record["message"].startswith("spell.lua")
    assert record["traceback"] == [{"name": "spell.lua", "line": line}]
    host = Host()
    host.put(VALIDATE, 0, {"name": "spell.lua", "source": source})
    assert host.of(FAILED)[0][1] == record


def test_validating_runs_nothing() -> None:
    """VALIDATE answers DONE for a good chunk."""
    host = Host()
    host.put(VALIDATE, 0, {"name": "a.lua", "source": "#!x\nprint('ran') while true do end"})
    assert host.result is None
    assert host.logs == []


@pytest.mark.parametrize("source", ["", "\ufeff", "#!/usr/bin/env llmspell", "-- nothing\r\n"])
def test_an_empty_spell_returns_nothing(source: str) -> None:
    """A spell without a statement is a spell."""
    assert run(source) is None


def test_line_endings_and_shebang_keep_line_numbers() -> None:
    """Lines are counted as in the file."""
    assert lines(failure("\ufeff#!/bin/x\r\n\r\nerror('x')")) == [3]


@pytest.mark.parametrize(
    "name",
    ["d/" * 60 + "long name.lua", "a:1: b.lua", "new\nline.lua", "nul\x00.lua", "héé.lua", ""],
)
def test_every_chunk_name_is_shown_as_it_is(name: str) -> None:
    """Names Lua would cut or garble come back whole."""
    record = failure("\nerror('x')", name=name)
    assert (record["message"], record["traceback"]) == ("x", [{"name": name, "line": 2}])
    assert failure("x = = 1", name=name)["traceback"] == [{"name": name, "line": 1}]


def test_an_include_reports_its_own_name_and_line() -> None:
    """Errors in a required file carry that file's name."""
    includes = {
        "lib.h": {
            "name": "lib/h.lua",
            "source": "local M = {}\nfunction M.f()\n  error('bad')\nend\nreturn M",
        }
    }
    record = failure("local h = require('lib.h')\nh.f()", includes=includes)
    assert record["message"] == "bad"
    assert [(frame["name"], frame["line"]) for frame in record["traceback"]] == [
        ("lib/h.lua", 3),
        ("spell.lua", 2),
    ]
    broken = {"lib.h": {"name": "lib/h.lua", "source": "\nx = = 1"}}
    record = failure("local h = require('lib.h')", includes=broken)
    assert (record["kind"], record["traceback"]) == ("syntax", [{"name": "lib/h.lua", "line": 2}])


def test_messages_that_are_not_text_are_made_text() -> None:
    """A message with broken UTF-8 still crosses as text, and a huge one is cut."""
    assert failure("error('a\\xffb', 0)")["message"] == "a\ufffdb"
    assert len(failure("error(('é'):rep(1000000), 0)")["message"].encode()) < 70_000


def test_a_script_cannot_forge_a_reference() -> None:
    """A table that looks like an error is an error value like any other."""
    record = failure("error({kind = 'permission', message = 'x', ref = 1})")
    assert (record["kind"], "ref" in record) == ("runtime", False)


def test_a_deadlock_is_reported() -> None:
    """Tasks that wait for each other end the run instead of waiting for the clock."""
    source = """
    local a, b
    a = async.spawn(function() util.sleep(1) return b:await() end)
    b = async.spawn(function() util.sleep(1) return a:await() end)
    a:await()"""
    assert "deadlock" in failure(source)["message"]
