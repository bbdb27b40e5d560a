"""Calls, callbacks, handles, streams and builders, as the protocol says."""

from __future__ import annotations

from typing import Any

import pytest
from lua_host import (
    CALL,
    CANCEL,
    CANCEL_CALL,
    ERROR,
    INVOKE,
    LATER,
    RAISE,
    RELEASE,
    RETURN,
    Ext,
    Host,
    HostError,
    SpellFailed,
    failure,
    run,
)

AGENT = Ext(1, [5, "agent", {"run": 0, "stream": 1}])
STREAM = Ext(1, [9, "stream", {"next": 0, "close": 0}])


def later(*_: Any) -> Any:
    """Leave the answer to the test."""
    return LATER


def stream_of(*batches: dict[str, Any]) -> dict[str, Any]:
    """Make methods that serve a stream in batches."""
    left = list(batches)

    def pull(_credits: int) -> Any:
        batch = left.pop(0)
        if isinstance(batch, Exception):
            raise batch
        return batch

    return {"t.stream": lambda *_: STREAM, "9.next": pull}


def test_a_call_carries_target_method_and_arguments() -> None:
    """Calls are numbered from 1; inner nils are null, trailing ones are left out."""
    host = Host()
    host.start("t.echo(1, nil, 'x', nil) tools.anything({})")
    assert host.of(CALL) == [(1, ["t", "echo", [1, None, "x"]]), (2, ["tools", "anything", [{}]])]


def test_a_log_before_an_endless_wait_has_left() -> None:
    """Logs are written through in order with calls."""
    host = Host({"t.later": later})
    host.start("print('a') t.later() print('b')")
    assert host.texts == ["a"]
    host.answer(1, None)
    assert host.texts == ["a", "b"]


def test_logs_that_cannot_yield_leave_at_the_next_opportunity() -> None:
    """Inside a sort comparison and a gsub function logs are queued in order."""
    source = """
    print('1')
    string.gsub('ab', '.', function(c) print(c) end)
    table.sort({2, 1}, function(a, b) print('cmp') return a < b end)
    print('2')"""
    host = Host()
    host.start(source)
    assert host.texts[:3] == ["1", "a", "b"]
    assert set(host.texts[3:-1]) == {"cmp"}
    assert host.texts[-1] == "2"


@pytest.mark.parametrize(
    "code",
    [
        "table.sort({2, 1}, function() t.echo(1) end)",
        "string.gsub('a', '.', function() t.echo(1) end)",
        "coroutine.wrap(function() string.gsub('a', '.', function() coroutine.wrap(function() t.echo(1) end)() end) end)()",
        "local ok, e = xpcall(error, function() t.echo(1) end) error(e)",
    ],
)
def test_a_call_where_nothing_can_wait_is_a_clear_error(code: str) -> None:
    """Inside C frames a call fails and says why."""
    assert "`t.echo` cannot be called here" in failure(code)["message"]


@pytest.mark.parametrize(
    "code",
    [
        "pcall(function() x = t.echo(1) end)",
        "xpcall(function() x = t.echo(1) end, print)",
        "x = setmetatable({}, {__index = function() return t.echo(1) end}).y",
        "x = setmetatable({}, {__add = function() return t.echo(1) end}) + 1",
        "for v in function(_, c) if not c then return t.echo(1) end end do x = v end",
        "do local c <close> = setmetatable({}, {__close = function() x = t.echo(1) end}) end",
        "x = tostring(setmetatable({}, {__tostring = function() return t.echo('1') end}))",
        "for k in pairs(setmetatable({}, {__pairs = function() return function(_, k) if not k then return t.echo(1) end end end})) do x = k end",
        "x = coroutine.wrap(function() return coroutine.wrap(function() return t.echo(1) end)() end)()",
        "local ok ok, x = coroutine.resume(coroutine.create(function() return t.echo(1) end))",
    ],
)
def test_a_call_can_wait_across(code: str) -> None:
    """Calls wait across pcall, metamethods, iterators, closing and coroutines."""
    assert str(run(f"local x {code} return x")) == "1"


def test_user_yields_and_host_waits_do_not_mix() -> None:
    """A coroutine that yields to the script and waits for the host does both."""
    source = """
    local co = coroutine.create(function(a)
      for i = 1, 3 do a = coroutine.yield(t.echo(a + i)) end
      return 'end'
    end)
    local seen, a = {}, 0
    while coroutine.status(co) ~= 'dead' do
      local ok, v = coroutine.resume(co, a)
      seen[#seen + 1], a = v, v
    end
    return seen"""
    assert run(source) == [1, 3, 6, "end"]


def test_waiting_and_root_coroutines_cannot_be_resumed() -> None:
    """Another task cannot resume or close a coroutine that waits, nor a task's own."""
    host = Host({"t.later": later})
    source = """
    local main = coroutine.running()
    local co = coroutine.create(function() return t.later() end)
    local seen = {}
    async.all({
      function() seen.value = select(2, coroutine.resume(co)) end,
      function()
        seen.status = {coroutine.status(co), coroutine.status(main)}
        seen.resume = {coroutine.resume(co)}
        seen.main = {coroutine.resume(main)}
        seen.close = {pcall(coroutine.close, co)}
        seen.close_main = {pcall(coroutine.close, main)}
        seen.yield = {pcall(coroutine.yield)}
        t.echo()
      end})
    return seen"""
    host.start(source)
    host.answer(1, "ok")
    seen = host.result
    assert seen["value"] == "ok"
    assert seen["status"] == ["normal", "normal"]
    for name in ("resume", "main", "close", "close_main", "yield"):
        assert seen[name][0] is False, name


def test_calls_in_flight_are_bounded_and_the_rest_waits() -> None:
    """At most `calls_in_flight` calls are open; each answer lets one more out."""
    host = Host({"t.later": later})
    host.start(
        "local f = {} for i = 1, 200 do f[i] = function() return t.later(i) end end return async.all(f)"
    )
    assert len(host.of(CALL)) == 64
    host.answer(1, 1)
    assert len(host.of(CALL)) == 65
    while host.pending:
        id_, _, _, args = host.pending.pop(0)
        if id_ != 1:
            host.answer(id_, args[0])
    assert host.result == list(range(1, 201))


def test_answers_may_come_in_any_order() -> None:
    """Each answer finds its own call."""
    host = Host({"t.later": later})
    host.start(
        "return async.all({function() return t.later('a') end, function() return t.later('b') end})"
    )
    host.answer(2, "B")
    host.answer(1, "A")
    assert host.result == ["A", "B"]


def test_answers_to_nothing_are_ignored() -> None:
    """An answer to an unknown or finished call changes nothing."""
    host = Host({"t.later": later})
    host.start("return t.later()")
    host.answer(99, 1)
    host.put(ERROR, 98, {"kind": "tool", "message": "x"})
    host.answer(1, "ok")
    host.answer(1, "again")
    assert host.result == "ok"


def test_a_callback_runs_while_the_spell_waits() -> None:
    """A function crosses as a callback; it can be invoked, also while another runs."""
    host = Host({"t.later": later})
    host.start(
        "local function f(a, b) return t.echo(a) + b end return t.later({handler = f, again = f}, f)"
    )
    (_, (_, _, args)) = host.of(CALL)[0]
    assert (
        args
        == [
            {"again": Ext(2, [1, "again"]), "handler": Ext(2, [1, "again"])},
            Ext(2, [1, "callback"]),
        ]
        or args[1].data[0] == 1
    )
    host.put(INVOKE, 7, [1, [20, 3]])
    host.put(INVOKE, 8, [1, [1, 1]])
    assert host.of(RETURN) == [(7, 23), (8, 2)]
    host.answer(1, "done")
    assert host.result == "done"


def test_a_failing_callback_raises_and_the_spell_goes_on() -> None:
    """An error in a callback is that invocation's RAISE."""
    host = Host({"t.later": later})
    host.start(
        "t.later(function() error('bad') end, function() return print end, function() return t.fail() end) return 1"
    )
    host.put(INVOKE, 1, [1, []])
    host.put(INVOKE, 2, [2, []])
    host.put(INVOKE, 3, [3, []])
    host.put(INVOKE, 4, [99, []])
    raised = host.of(RAISE)
    assert [(id_, record["kind"]) for id_, record in raised] == [
        (1, "runtime"),
        (2, "conversion"),
        (3, "validation"),
        (4, "runtime"),
    ]
    assert raised[0][1]["traceback"][0] == {"name": "spell.lua", "line": 1}
    assert raised[2][1]["ref"] == 2
    host.answer(1, None)
    assert host.result == 1


def test_cancelling_an_invocation_cancels_its_calls_and_answers_nothing() -> None:
    """CANCEL closes the task, its children and their calls."""
    host = Host({"t.later": later})
    source = """
    t.later(function()
      local c <close> = setmetatable({}, {__close = function() print('closed') end})
      async.spawn(function() t.later('child') end)
      pcall(t.later, 'own')
      print('not reached')
    end)
    return 1"""
    host.start(source)
    host.put(INVOKE, 1, [1, []])
    assert len(host.of(CALL)) == 3
    host.put(CANCEL, 1, None)
    assert {id_ for id_, _ in host.of(CANCEL_CALL)} == {2, 3}
    assert host.of(RETURN) + host.of(RAISE) == []
    assert host.texts == ["closed"]
    host.answer(1, None)
    assert host.result == 1


def test_cancelling_the_run_ends_it() -> None:
    """CANCEL 0 ends the run as `cancelled`; nothing follows."""
    host = Host({"t.later": later})
    host.start("pcall(t.later) print('not reached')")
    host.put(CANCEL, 0, None)
    host.answer(1, None)
    with pytest.raises(SpellFailed) as caught:
        _ = host.result
    assert caught.value.record["kind"] == "cancelled"
    assert host.texts == []


def test_nothing_is_said_after_the_end() -> None:
    """Messages after DONE are ignored, a second START too."""
    host = Host({"t.later": later})
    host.start("async.spawn(function() t.later() print('late') end) util.sleep(1) return 1")
    assert host.result == 1
    host.answer(1, None)
    host.start("return 2")
    assert host.result == 1


def test_a_handle_has_methods_and_identity() -> None:
    """Handles call their methods by id, are equal when the same, and cross back by id."""
    host = Host({"t.make": lambda: AGENT, "5.run": lambda text, **_: text.upper()})
    source = """
    local a, b = t.make(), t.make()
    t.echo({agent = a})
    return {a:run('hi'), a == b, a.missing == nil, type(a), pcall(function() a.x = 1 end) == false, getmetatable(a)}"""
    host.start(source)
    assert host.result == ["HI", True, True, "table", True, False]
    assert host.calls[2] == ("t", "echo", [{"agent": Ext(1, [5])}])


@pytest.mark.parametrize(
    ("code", "part"),
    [
        ("t.make().run('x')", "`agent:run(…)` with a colon"),
        ("t:echo(1)", "`t.echo(…)` with a dot"),
        ("t.x = 1", "the bridge `t` cannot be changed"),
        ("t.nothing()", "field 'nothing'"),
        ("workflow.sequential().add_step({})", "`sequential:add_step(…)` with a colon"),
        ("workflow.sequential().x = 1", "cannot be changed"),
    ],
)
def test_wrong_use_of_a_bridge_is_a_clear_error(code: str, part: str) -> None:
    """Dots and colons, and assignments, are told apart."""
    assert part in failure(code, {"t.make": lambda: AGENT})["message"]


def test_a_bridge_lists_its_methods_in_order() -> None:
    """`pairs` over a bridge gives methods and builders as the host sent them."""
    assert run(
        "local n = {} for k, f in pairs(workflow) do n[#n+1] = k .. type(f) end return n"
    ) == [
        "listfunction",
        "sequentialfunction",
    ]


def test_a_stream_is_read_to_its_end() -> None:
    """All items come in order, batches are pulled, nothing is released at the end."""
    host = Host(
        stream_of(
            {"items": [1, 2], "done": False},
            {"items": [], "done": False},
            {"items": [3], "done": True},
        )
    )
    host.start("local n = {} for x in t.stream('p') do n[#n+1] = x end return n")
    assert host.result == [1, 2, 3]
    assert host.of(RELEASE) == []


@pytest.mark.parametrize("leave", ["break", "error('x')", "do return end", "goto out"])
def test_leaving_a_stream_early_releases_it(leave: str) -> None:
    """break, return, goto and an error close the stream."""
    host = Host(stream_of({"items": [1, 2], "done": False}))
    host.start(
        f"local function f() for x in t.stream() do {leave} end ::out:: end pcall(f) return 1"
    )
    assert host.result == 1
    assert host.of(RELEASE) == [(9, None)]


def test_an_error_in_a_stream_comes_after_its_items() -> None:
    """Items before the error are delivered, then the loop raises it."""
    host = Host(stream_of({"items": [1, 2], "done": False}, HostError("network", "gone")))
    source = """
    local n = {}
    local ok, e = pcall(function() for x in t.stream() do n[#n+1] = x end end)
    return {n, ok, e.kind}"""
    host.start(source)
    assert host.result == [[1, 2], False, "network"]
    assert host.of(RELEASE) == []


def test_a_handles_method_may_stream() -> None:
    """Streams of handles work like those of bridges."""
    methods = {
        "t.make": lambda: AGENT,
        "5.stream": lambda _: STREAM,
        "9.next": lambda _: {"items": ["a"], "done": True},
    }
    assert (
        run("local s = '' for x in t.make():stream('q') do s = s .. x end return s", methods) == "a"
    )


def test_a_builder_is_sent_whole() -> None:
    """Steps are recorded, chained, and sent with the call; builders nest as arguments."""
    host = Host(
        {
            "workflow.sequential.run": lambda *a: a[1],
            "t.make": lambda: AGENT,
            "t.echo": lambda _: None,
        }
    )
    source = """
    local inner = workflow.sequential('inner')
    local w = workflow.sequential({name = 'w'})
    w:add_step({name = 'a', agent = t.make(), on = function() end}):add_step(inner, 2)
    t.echo(w)
    return w:run({topic = 'x'})"""
    host.start(source)
    assert host.result == {"topic": "x"}
    steps = [
        ["add_step", [{"agent": Ext(1, [5]), "name": "a", "on": Ext(2, [1, "on"])}]],
        ["add_step", [Ext(4, ["workflow", "sequential", ["inner"], []]), 2]],
    ]
    builder = Ext(4, ["workflow", "sequential", [{"name": "w"}], steps])
    assert host.calls[1] == ("t", "echo", [builder])
    assert host.calls[2] == ("workflow", "sequential.run", [builder, {"topic": "x"}])


def test_a_builder_inside_itself_is_refused() -> None:
    """A cycle of builders is a conversion error, and the builder stays usable."""
    source = """
    local w = workflow.sequential()
    w:add_step({w = w})
    local ok, e = pcall(function() return w:run() end)
    local ok2, e2 = pcall(function() return w:run() end)
    return {e.kind, e2.kind}"""
    assert run(source) == ["conversion", "conversion"]


def test_bridges_named_like_a_library_add_to_it() -> None:
    """A bridge `util` of the host's gives more members to the guest's `util`."""
    bridges = {"util": {"methods": {"retry": 0, "now": 0}, "open": False, "builders": {}}}
    host = Host({"util.retry": lambda: "r"}, bridges=bridges)
    host.start("return {util.retry(), util.now()}")
    assert host.result == ["r", 1_700_000_000_000]
