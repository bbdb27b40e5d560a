"""The `async` table: many functions of one spell at once."""

from __future__ import annotations

from typing import Any

import pytest
from lua_host import CALL, CANCEL_CALL, LATER, Host, failure, run


def later(*_: Any) -> Any:
    """Leave the answer to the test."""
    return LATER


def test_all_runs_at_once_and_keeps_order() -> None:
    """`async.all` returns the results in the order of the functions."""
    assert run("return async.all({function() return t.echo(1) end, function() return 2 end})") == [
        1,
        2,
    ]
    assert run("return async.all({})") == []


def test_all_fails_with_the_first_error_and_cancels_the_rest() -> None:
    """The first error is raised, the other's call is cancelled."""
    host = Host({"t.later": later})
    host.start(
        "local ok, e = pcall(async.all, {function() t.later() end, function() error('x', 0) end}) return e"
    )
    assert host.result == "x"
    assert host.of(CANCEL_CALL) == [(1, None)]


def test_race_takes_what_settles_first() -> None:
    """`async.race` returns the first result and cancels the rest."""
    host = Host({"t.later": later})
    host.start(
        "return async.race({function() return t.later() end, function() return t.later() end})"
    )
    host.answer(2, "b")
    assert host.result == "b"
    assert host.of(CANCEL_CALL) == [(1, None)]
    assert (
        failure("async.race({function() error('x') end, function() t.echo() end})")["message"]
        == "x"
    )


def test_any_takes_the_first_success() -> None:
    """`async.any` passes over errors, and fails when all do."""
    assert (
        run("return async.any({function() error('x') end, function() return t.echo(2) end})") == 2
    )
    record = failure("async.any({function() error('x') end, function() error('y') end})")
    assert record["message"] == "all 2 functions failed; the first: x"
    assert record["details"] == {"errors": ["x", "y"]}


def test_spawn_gives_a_task_to_await() -> None:
    """A task runs beside its parent; `await` gives all its results, again and again."""
    source = """
    local task = async.spawn(function(a, b) return t.echo(a), b end, 1, 2)
    local a, b = task:await()
    local c = task:await()
    return {a, b, c, tostring(task)}"""
    assert run(source) == [1, 2, 1, "task: 0x00000001"]


def test_a_tasks_error_is_raised_by_await() -> None:
    """The error of a task comes where it is awaited."""
    source = "local task = async.spawn(function() error({code = 7}) end) local ok, e = pcall(task.await, task) return e.code"
    assert run(source) == 7


def test_a_cancelled_task_stops_and_closes() -> None:
    """`cancel` cancels the call, runs `__close`, and `await` raises kind cancelled."""
    host = Host({"t.later": later})
    source = """
    local task = async.spawn(function()
      local c <close> = setmetatable({}, {__close = function() print('closed') end})
      t.later()
    end)
    util.sleep(1)
    task:cancel()
    task:cancel()
    local ok, e = pcall(task.await, task)
    return {ok, e.kind}"""
    host.start(source)
    assert host.result == [False, "cancelled"]
    assert host.texts == ["closed"]
    assert host.of(CANCEL_CALL) == [(2, None)]


def test_a_failed_task_nobody_awaited_is_told() -> None:
    """Errors do not vanish: a warning names them before the end."""
    host = Host()
    host.start("async.spawn(function() error('lost') end) util.sleep(1) return 1")
    assert host.result == 1
    assert host.logs == [("warn", "a task of async.spawn failed and nobody awaited it: lost")]


def test_tasks_can_be_given_to_all() -> None:
    """Tasks and functions mix; one that has settled already counts."""
    source = """
    local a = async.spawn(function() return 'a' end)
    util.sleep(1)
    return async.all({a, function() return 'b' end})"""
    assert run(source) == ["a", "b"]


@pytest.mark.parametrize(
    ("code", "part"),
    [
        ("async.spawn(1)", "expected function, got number"),
        ("async.all(1)", "expected a list of functions"),
        ("async.all({print, 1})", "item 2 is a number"),
        ("async.race({})", "at least one"),
        (
            "local x; x = async.spawn(function() x:await() end) util.sleep(1) x:await()",
            "cannot await itself",
        ),
        (
            "local x; x = async.spawn(function() x:cancel() end) util.sleep(1) x:await()",
            "cannot cancel itself",
        ),
        ("async.spawn(print).await()", "with a colon"),
        ("string.gsub('a', '.', function() async.all({print}) end)", "cannot wait here"),
    ],
)
def test_wrong_use_is_a_clear_error(code: str, part: str) -> None:
    """Mistakes are named."""
    assert part in failure(code)["message"]


def test_a_thousand_tasks_run() -> None:
    """Many tasks share the places in flight."""
    host = Host()
    host.start(
        "local f = {} for i = 1, 1000 do f[i] = function() return t.echo(i) end end return #async.all(f)"
    )
    assert host.result == 1000
    assert len(host.of(CALL)) == 1000


def test_state_after_many_tasks_is_released() -> None:
    """Finished tasks leave nothing behind that grows."""
    source = """
    local function round() for i = 1, 200 do async.all({function() t.echo(i) end}) end collectgarbage() end
    round()
    local before = collectgarbage('count')
    for _ = 1, 5 do round() end
    return collectgarbage('count') - before < 20"""
    assert run(source) is True
