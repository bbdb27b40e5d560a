"""What a hostile script cannot reach, patch or forge."""

from __future__ import annotations

import pytest
from lua_host import CALL, LATER, Host, failure, run


@pytest.mark.parametrize(
    "name",
    [
        "io",
        "debug",
        "package",
        "python",
        "dofile",
        "loadfile",
        "loadstring",
        "module",
        "setfenv",
        "newproxy",
        "os.execute",
        "os.exit",
        "os.remove",
        "os.rename",
        "os.tmpname",
        "os.setlocale",
        "string.dump",
        "jit",
        "ffi",
    ],
)
def test_what_reaches_the_system_is_absent(name: str) -> None:
    """Nothing that touches the system or Python is in the environment."""
    assert run(f"return {name} == nil") is True


def test_globals_are_exactly_the_documented_ones() -> None:
    """A new global is a decision, not an accident."""
    assert run("local n = {} for k in pairs(_G) do n[#n+1] = k end return n") == sorted(
        [
            "_G",
            "_VERSION",
            "array",
            "assert",
            "async",
            "collectgarbage",
            "console",
            "coroutine",
            "env",
            "error",
            "getmetatable",
            "ipairs",
            "json",
            "load",
            "math",
            "next",
            "null",
            "os",
            "pairs",
            "params",
            "pcall",
            "print",
            "rawequal",
            "rawget",
            "rawlen",
            "rawset",
            "require",
            "select",
            "setmetatable",
            "string",
            "t",
            "table",
            "tonumber",
            "tools",
            "tostring",
            "type",
            "utf8",
            "util",
            "workflow",
            "xpcall",
        ]
    )


def test_no_python_object_is_reachable() -> None:
    """A walk over everything reachable finds no userdata and no function of lupa."""
    source = """
    local seen, found, todo = {}, {}, {_G, '', print, null, array{}, coroutine.running()}
    while #todo > 0 do
      local v = table.remove(todo)
      local mt = getmetatable(v)
      if type(mt) == 'table' then todo[#todo + 1] = mt end
      if type(v) == 'userdata' then found[#found + 1] = 'userdata' end
      if type(v) == 'table' and not seen[v] then
        seen[v] = true
        for k, x in next, v do todo[#todo + 1] = k todo[#todo + 1] = x end
      end
    end
    return array(found)"""
    assert run(source) == []


@pytest.mark.parametrize(
    "code",
    [
        "getmetatable('').__index.x = 1",
        "setmetatable('', {})",
        "setmetatable(t, {})",
        "setmetatable(null, {})",
        "setmetatable(env, {})",
        "setmetatable({}, {__gc = print})",
        "setmetatable({}, setmetatable({__gc = true}, {}))",
        "load(string.char(27) .. 'Lua')()",
        "load('return 1', 'x', 'b')()",
        "string.format('%p', {})",
        "string.format('%-20p', 'x')",
        "collectgarbage('stop')",
        "collectgarbage('incremental', 0, 0)",
        "table.insert(setmetatable({}, {__len = function() return 1 << 60 end}), 1, 2)",
        "table.concat(setmetatable({}, {__len = function() return 1 << 60 end}))",
        "table.sort(setmetatable({}, {__len = function() return 1 << 60 end}))",
        "table.unpack(setmetatable({}, {__len = function() return 1 << 60 end}))",
        "table.move({}, 1, math.maxinteger - 1, 2)",
    ],
)
def test_abuse_is_refused_with_an_error(code: str) -> None:
    """Each of these fails in the script, at once, and nothing else happens."""
    assert failure(code)["kind"] == "runtime"


def test_repeating_nothing_returns_at_once() -> None:
    """`('').rep` with a huge count does not loop in C."""
    assert (
        run("return ('').rep('', 1e15) .. ('x'):rep(0) .. ('').rep('', math.maxinteger, '')") == ""
    )


def test_loaded_code_has_the_same_environment() -> None:
    """`load` gives the script's environment, or the one given, never the real globals."""
    source = """
    x = 5
    return {load('return x')(), load('return x', 'n', 't', {x = 6})(), load('return _G == nil', 'n', 't', {})(),
            load(function() return nil end) ~= nil, (load('x ='))}"""
    assert run(source) == [5, 6, True, True]
    assert run("return load('return debug, io, python, os.execute')()") is None


def test_patched_libraries_do_not_reach_the_prelude() -> None:
    """A script that replaces every library function breaks only itself."""
    source = """
    local log, type = console.log, type
    local function bad() error('patched code ran') end
    for _, lib in ipairs({string, table, math, utf8, coroutine, os, json, util, async}) do
      for k in next, lib do lib[k] = bad end
    end
    for k in next, _G do
      if type(_G[k]) == 'function' and k ~= 'bad' then _G[k] = bad end
    end
    log({a = {1, 2}}, 1.5, 'x')
    local r = t.echo({b = 1, a = {1, 2, '\\xff'}})
    r.c = 'é'
    return r"""
    host = Host()
    host.start(source)
    assert host.texts == ['{"a":[1,2]} 1.5 x']
    assert host.result == {"b": 1, "a": [1, 2, b"\xff"], "c": "é"}


def test_metatables_of_globals_do_not_reach_lupa() -> None:
    """A raising `__index` on the script's globals harms nobody else."""
    assert run("setmetatable(_G, {__index = error, __newindex = error}) return t.echo(1)") == 1


def test_a_script_cannot_forge_a_host_yield() -> None:
    """Yields of the script are never taken for the prelude's."""
    host = Host({"t.later": lambda: LATER})
    source = """
    local stolen
    local co = coroutine.create(function() stolen = {t.later()} return 'x' end)
    local seen = {}
    async.spawn(function() util.sleep(1) for i = 1, 3 do seen[i] = {coroutine.resume(co, i)} end end)
    local ok, v = coroutine.resume(co)
    return {ok, v, stolen[1], coroutine.status(co), #seen}"""
    host.start(source)
    (id_,) = [i for i, (_, method, _) in host.of(CALL) if method == "later"]
    host.answer(id_, "answer")
    assert host.result == [True, "x", "answer", "dead", 3]


def test_addresses_are_never_shown() -> None:
    """Objects are numbered in the order they are shown; the text stays the same."""
    source = """
    local a, b = {}, {}
    return {tostring(a), tostring(b), tostring(a), tostring(print), string.format('%s', a), tostring(t), tostring(workflow.sequential()),
            tostring(setmetatable({}, {__name = 'Point'})), (tostring(coroutine.running()))}"""
    first = run(source)
    assert first == run(source)
    assert first[:3] == ["table: 0x00000001", "table: 0x00000002", "table: 0x00000001"]
    assert first[4:] == [
        "table: 0x00000001",
        "bridge t: 0x00000004",
        "workflow.sequential: 0x00000005",
        "Point: 0x00000006",
        "thread: 0x00000007",
    ]


def test_raw_access_to_special_objects_changes_nothing_for_the_host() -> None:
    """`rawset` on null, a bridge or a handle does not change what crosses."""
    source = """
    rawset(null, 'x', 1) rawset(t, 'fake', 1) rawset(t, 'echo', nil)
    return {null, t.echo(2)}"""
    assert run(source) == [None, 2]


def test_conversion_runs_no_code_of_the_script() -> None:
    """No metamethod is called while a value crosses."""
    source = """
    local bad = setmetatable({}, {__index = error, __len = error, __pairs = error, __tostring = error, __eq = error, __name = {}})
    local forged = setmetatable({}, setmetatable({}, {__eq = function() return true end}))
    return {bad, {bad}, forged, {json.encode({bad}), tostring(forged)}}"""
    assert run(source) == [{}, [{}], {}, ["[{}]", "table: 0x00000001"]]
    assert (
        failure(
            "error(setmetatable({kind = 'x'}, setmetatable({}, {__eq = function() return true end})))"
        )["kind"]
        == "runtime"
    )


def test_a_raising_tostring_is_the_scripts_own_error() -> None:
    """`__tostring` that fails, yields or returns rubbish is an ordinary error."""
    assert (
        failure("print(setmetatable({}, {__tostring = function() error('mine') end}))")["message"]
        == "mine"
    )
    assert (
        "must return a string"
        in failure("print(setmetatable({}, {__tostring = function() return {} end}))")["message"]
    )


def test_the_chunk_name_of_the_prelude_cannot_be_taken() -> None:
    """Code loaded under the prelude's name is still shown in tracebacks."""
    record = failure("local f = load('error(\"x\", 0)', '=llmspell/main.lua')\nlocal x = f()")
    assert [frame["name"] for frame in record["traceback"]] == ["(load)", "spell.lua"]
