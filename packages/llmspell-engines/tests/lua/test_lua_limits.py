"""Memory and stack limits; each case in a process of its own, as a mistake would abort it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from lua_host import LIMITS, Host, SpellFailed

RUN = """
import json, sys
sys.path[:0] = [sys.argv[1]]
from lua_host import Host, SpellFailed
host = Host(memory_bytes=int(sys.argv[2]) or None)
host.start(sys.stdin.read())
try:
    print(json.dumps({"result": host.result, "texts": host.texts[:5]}))
except SpellFailed as error:
    print(json.dumps(error.record))
host.guest.close()
"""


def isolated(source: str, memory_bytes: int = 8 << 20) -> dict[str, object]:
    """Run a spell in a process of its own, which must end well."""
    folder = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", RUN, folder, str(memory_bytes)],
        input=source,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


EATERS = {
    "table": "local t = {} while true do t[#t + 1] = {} end",
    "string": "local s = 'x' while true do s = s .. s end",
    "rep": "return ('x'):rep(1 << 30)",
    "concat": "local t = {} for i = 1, 1e6 do t[i] = 'xxxxxxxxxxxxxxxx' end return table.concat(t)",
    "gsub": "return (('x'):rep(1 << 20):gsub('x', ('y'):rep(1000)))",
    "pcall": "while true do pcall(function() local t = {} while true do t[#t + 1] = {} end end) end",
    "xpcall": "while true do xpcall(function() local t = {} while true do t[#t + 1] = {} end end, function() return 1 end) end",
    "coroutine": "while true do coroutine.resume(coroutine.create(function() local t = {} while true do t[#t + 1] = {} end end)) end",
    "wrap": "pcall(coroutine.wrap(function() local t = {} while true do t[#t + 1] = {} end end)) return 'survived'",
    "coroutines": "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end",
    "tasks": "local t = {} while true do t[#t + 1] = async.spawn(function() t.x() end) end",
    "closures": "local t = {} while true do t[#t + 1] = function() return t end end",
    "calls": "local k = {} for i = 1, 1e9 do k[i] = t.echo(i .. ('y'):rep(1000)) end",
    "logs": "local k = {} for i = 1, 1e9 do k[i] = i .. ('y'):rep(10000) console.log(i) end",
    "queued logs": "string.gsub(('x'):rep(1 << 20), '.', function() print(('y'):rep(1000)) end)",
    "keep in task": "async.all({function() local t = {} while true do t[#t + 1] = {} end end, function() util.sleep(1) end})",
    "require": "local s = {} while true do s[#s + 1] = load('return {' .. ('1,'):rep(1000) .. '}') end",
    "json": "local t = {} for i = 1, 1e5 do t[i] = 'xxxxxxxx' end while true do t[#t + 1] = json.encode(t) end",
}


@pytest.mark.parametrize("name", EATERS)
def test_running_out_of_memory_ends_the_run(name: str) -> None:
    """Out of memory is FAILED limit/memory, wherever it happens and whatever is caught."""
    record = isolated(EATERS[name])
    assert (record.get("kind"), record.get("details")) == ("limit", {"limit": "memory"}), record


@pytest.mark.parametrize("memory_bytes", [1, 10_000, 30_000, 60_000, 100_000, 200_000])
def test_a_tiny_limit_never_aborts_the_process(memory_bytes: int) -> None:
    """Even a limit that hardly fits the spell ends in a record."""
    record = isolated(
        "local t = {} for i = 1, 2000 do t[i] = t.echo and 1 or {i} end return #t", memory_bytes
    )
    assert record.get("details") == {"limit": "memory"} or record.get("result") == 2000


def test_a_large_answer_is_pushed_past_the_limit_without_abort() -> None:
    """An answer larger than the memory left ends the run, not the process."""
    source = "local s = t.echo(('x'):rep(1 << 20)) local k = {} for i = 1, 100 do k[i] = t.echo(s .. i) end"
    assert isolated(source, 6 << 20)["details"] == {"limit": "memory"}


@pytest.mark.parametrize(
    "source",
    [
        "local function f() return pcall(f) end f() return 'survived'",
        "local t = {} setmetatable(t, {__index = function(_, k) return t[k .. 'x'] end}) return pcall(function() return t.x end)",
        "local s = string.rep('(', 1000) .. string.rep(')', 1000) return load('return ' .. s)",
        "local function f() return coroutine.wrap(f)() end return pcall(f)",
        "local function f() return (('x'):gsub('x', f)) end return pcall(f)",
        "local function f() table.sort({1, 2, 3}, f) end return pcall(f)",
        "local function f() return f() + 1 end return (pcall(f))",
        "local t = setmetatable({}, {}) getmetatable(t).__tostring = function() return tostring(t) end return (pcall(tostring, t))",
        "return xpcall(error, function() error('again') end)",
        "local function f() return xpcall(f, f) end return f()",
    ],
)
def test_deep_recursion_never_kills_the_process(source: str) -> None:
    """Each kind of recursion ends as a runtime error or is caught, never as a crash."""
    record = isolated(source, 64 << 20)
    assert "result" in record or record["kind"] in {"runtime", "limit"}, record


def test_a_full_c_stack_cannot_be_caught() -> None:
    """C stack overflow ends the run as runtime."""
    record = isolated(
        "local function f() return (('x'):gsub('x', f)) end pcall(f) return 'survived'", 64 << 20
    )
    assert (record["kind"], "C stack overflow" in str(record["message"])) == ("runtime", True)


def test_a_hundred_megabyte_result_is_a_limit_error() -> None:
    """A result beyond the bound is refused without being encoded."""
    record = isolated("return ('x'):rep(100 << 20)", 256 << 20)
    assert (record["kind"], record["details"]) == ("limit", {"limit": "result", "value": 10 << 20})


def test_a_log_beyond_a_message_cannot_be_caught() -> None:
    """A log larger than a message ends the run as limit `log`."""
    record = isolated("pcall(print, ('x'):rep(17 << 20)) return 'survived'", 256 << 20)
    assert record["details"]["limit"] == "log"


def test_no_call_leaves_once_a_limit_was_hit() -> None:
    """A `__close` set afterwards runs while the error passes, and reaches the host no more."""
    host = Host()
    source = """
        local meta = {}
        local closing = setmetatable({}, meta)
        function meta.__close() t.echo("late") end
        pcall(function()
          local guard <close> = closing
          pcall(print, ("x"):rep(2000))
        end)
        return "survived"
    """
    host.start(source, limits={**LIMITS, "message_bytes": 1000})
    with pytest.raises(SpellFailed) as caught:
        _ = host.result
    assert caught.value.record["details"]["limit"] == "log"
    assert host.calls == []


def test_without_a_limit_memory_is_not_counted() -> None:
    """None is unlimited."""
    assert isolated("return #('x'):rep(64 << 20)", 0)["result"] == 64 << 20


def test_a_finalizer_set_later_does_not_run_at_close() -> None:
    """`__gc` put into a metatable after `setmetatable` is never called."""
    source = "local mt = {} local x = setmetatable({}, mt) mt.__gc = function() while true do end end x = nil collectgarbage() return 1"
    assert isolated(source)["result"] == 1
