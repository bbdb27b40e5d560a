"""Values crossing between Lua and the host."""

from __future__ import annotations

import math
from typing import Any

import pytest
from lua_host import LATER, LIMITS, Ext, Host, decode, encode, failure, run


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        1,
        -1,
        127,
        128,
        255,
        256,
        65535,
        65536,
        2**31,
        2**32,
        2**53 + 1,
        2**63 - 1,
        -32,
        -33,
        -128,
        -129,
        -32768,
        -32769,
        -(2**31),
        -(2**31) - 1,
        -(2**63),
        1.0,
        -0.5,
        1e300,
        math.inf,
        "",
        "a" * 31,
        "a" * 32,
        "a" * 255,
        "a" * 256,
        "a" * 70000,
        "héllo \U0001f600",
        "a\x00b",
        b"\xff\x00",
        b"\xff" * 300,
        b"\xff" * 70000,
        [],
        [1],
        list(range(15)),
        list(range(16)),
        list(range(70000)),
        [None, 1],
        [[], {}],
        {"a": {"b": [1, 2.5, "x", None, True]}},
        {f"k{i:05}": i for i in range(70000)},
    ],
    ids=lambda value: repr(value)[:24],
)
def test_every_value_comes_back_as_it_was_sent(value: Any) -> None:
    """A value that goes into Lua and out again is the same, with the same type."""
    back = run("return t.echo(params.v)", {"t.echo": lambda v=None: v}, params={"v": value})
    assert encode(back) == encode(value)


def test_nan_crosses() -> None:
    """NaN is a float that crosses both ways."""
    assert math.isnan(run("return t.echo(0/0)"))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("return 1", 1),
        ("return 1.0", 1.0),
        ("return {}", {}),
        ("return array{}", []),
        ("return {1, nil, 3}", [1, None, 3]),
        ("return {null, 2}", [None, 2]),
        ("return {a = null}", {"a": None}),
        ("return null", None),
        ("return", None),
        ("return '\\xff'", b"\xff"),
        ("return setmetatable({1}, {__index = error, __pairs = error, __len = error})", [1]),
        ("return ('x'):rep(3)", "xxx"),
        ("return 1, 2", 1),
    ],
)
def test_what_lua_writes_is_what_the_host_reads(source: str, expected: Any) -> None:
    """Lua's own tables and numbers cross by the rules of the design."""
    result = run(source)
    assert (result, type(result)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("source", "path", "part"),
    [
        ("return {messages = {1, 2, {content = print}}}", "messages[2].content", "function"),
        ("return {[10.5] = 1}", None, "a key of type number"),
        ("return {[true] = 1}", None, "a key of type boolean"),
        ("return {1, 2, name = 'x'}", None, "named field `name`"),
        ("return {a = {1, [20] = 2}}", "a", "a list with 2 items up to position 20"),
        ("return {['\\xff'] = 1}", None, "not valid UTF-8"),
        ("local t = {} t.a = {t} return t", "a[0]", "contains itself"),
        ("return {coroutine.create(print)}", "[0]", "thread"),
        ("return {x = t}", "x", "the bridge `t`"),
        ("return workflow.sequential()", None, "builder"),
        ("local t = {} for i = 1, 70 do t = {t} end return t", "[0]" * 64, "deeper than 64"),
        ("local t = {} for i = 1, 18 do t = {t, t} end return t", None, "more than 200000 values"),
        ("return {['a b'] = {['c\"'] = print}}", '["a b"]["c\\""]', "function"),
    ],
)
def test_what_cannot_cross_is_an_error_with_its_path(
    source: str, path: str | None, part: str
) -> None:
    """A value that cannot cross fails as `conversion` and names where it stands."""
    record = failure(source)
    assert record["kind"] == "conversion"
    assert part in record["message"]
    if path is not None:
        assert record["details"]["path"] == path


def test_conversion_errors_of_arguments_name_method_and_argument() -> None:
    """A bad argument is raised at the call, names it, and can be caught."""
    message = run("local ok, e = pcall(t.echo, 1, {a = {print, coroutine.create(print)}}) return e")
    assert message["kind"] == "conversion"
    assert message["message"] == "bad argument #2 to `t.echo`: a[1]: a thread cannot cross"


def test_pairs_over_a_host_map_keeps_its_order() -> None:
    """Maps from the host are iterated in the order sent, later keys follow sorted."""
    order = ["z", "a", "m", "b"]
    source = """
    local t = params.map
    t.new2, t.new1, t.a = 1, 1, nil
    local keys = {}
    for k in pairs(t) do keys[#keys + 1] = k end
    return keys"""
    assert run(source, params={"map": dict.fromkeys(order, 1)}) == ["z", "m", "b", "new1", "new2"]


def test_pairs_over_own_tables_is_the_same_in_every_run() -> None:
    """A script's own table is iterated by position, then number, then text."""
    source = """
    local t = {b = 1, a = 1, [3.5] = 1, "x", "y", [10] = 1, [true] = 1, [-1] = 1}
    local keys = {}
    for k in pairs(t) do keys[#keys + 1] = tostring(k) end
    return keys"""
    assert run(source) == ["1", "2", "-1", "3.5", "10", "a", "b", "true"]


def test_pairs_honours_the_metamethod_and_allows_clearing() -> None:
    """`__pairs` works, and clearing fields during a traversal is allowed."""
    source = """
    local seen = {}
    for k in pairs(setmetatable({}, {__pairs = function() return function(_, k) if not k then return 1 end end end})) do
      seen[#seen + 1] = k
    end
    local t = {a = 1, b = 2, c = 3}
    for k in pairs(t) do t.a, t.b, t.c = nil, nil, nil seen[#seen + 1] = k end
    return seen"""
    assert run(source) == [1, "a"]


@pytest.mark.parametrize(
    "payload",
    [b"\xcf" + b"\xff" * 8, b"\xc1", b"\x92\x01", b"\x81\x01\x02", b"\x01\x01", b"\xd4\x05\xc0"],
)
def test_a_malformed_answer_is_a_conversion_error_of_its_call(payload: bytes) -> None:
    """Integers beyond 64 bits signed and broken MessagePack are refused, not wrapped."""
    host = Host({"t.later": lambda: LATER})
    host.start("local ok, e = pcall(t.later) return e")
    host.guest.put(2, 1, payload, 0)
    assert host.result["kind"] == "conversion"


def test_a_deep_answer_does_not_exhaust_the_stack() -> None:
    """Nesting is bounded on the way in as well."""
    host = Host({"t.later": lambda: LATER})
    host.start("local ok, e = pcall(t.later) return e.kind")
    host.guest.put(2, 1, b"\x91" * 100_000 + b"\xc0", 0)
    assert host.result == "conversion"


def test_null_is_read_only_and_truthy() -> None:
    """`null` has no fields, cannot be changed, and prints as null."""
    source = """
    return {pcall(function() return null.x end) == false, pcall(function() null.x = 1 end) == false,
            tostring(null), json.null == null, not null, getmetatable(null)}"""
    assert run(source) == [True, True, "null", True, False, False]


def test_nested_null_is_null_and_top_level_null_is_nil() -> None:
    """A null inside a value is `null`, an answer of null is nil."""
    source = "return {params.a == null, params.list[2] == null, t.echo() == nil, #params.list}"
    assert run(source, params={"a": None, "list": [1, None, 3]}) == [True, True, True, 3]


def test_a_large_result_is_a_limit_error() -> None:
    """A result of 100 MB ends the run as limit `result`."""
    record = failure("return ('x'):rep(100 * 1024 * 1024)")
    assert (record["kind"], record["details"]["limit"]) == ("limit", "result")


def test_a_large_argument_is_a_conversion_error() -> None:
    """A call larger than a message is refused at the call."""
    record = failure("t.echo(('x'):rep(20 * 1024 * 1024))")
    assert record["kind"] == "conversion"
    assert "16777216 bytes" in record["message"]


def test_limits_of_the_start_record_are_used() -> None:
    """Depth and nodes come from the start record."""
    record = failure("return {{{1}}}", limits={**LIMITS, "depth": 2})
    assert "deeper than 2" in record["message"]


def test_a_text_record_is_text_and_table() -> None:
    """A text record works as a string and has its fields."""
    record = Ext(3, {"content": "Hello world", "usage": {"total_tokens": 7}, "model": "m"})
    source = """
    local r = t.echo()
    local list = table.concat({"<", r, ">"})
    return {r:sub(1, 5), "x" .. r, r .. "x", r .. r, #r, tostring(r), r.content, r.usage.total_tokens, r == "Hello world",
            string.upper(r), r:gsub("o", "0"), string.format("%s|%d", r, 3), list, r < "Z", json.encode(r),
            ("Hello world"):find(r), tonumber(r) == nil, type(r)}"""
    expected = [
        "Hello",
        "xHello world",
        "Hello worldx",
        "Hello worldHello world",
        11,
        "Hello world",
        "Hello world",
        7,
        False,
        "HELLO WORLD",
        "Hell0 w0rld",
        "Hello world|3",
        "<Hello world>",
        True,
        '"Hello world"',
        1,
        True,
        "table",
    ]
    assert run(source, {"t.echo": lambda: record}) == expected


def test_a_text_record_crosses_back_whole() -> None:
    """As an argument and as a result it is a text record again."""
    record = Ext(3, {"content": "x", "n": 1})
    host = Host({"t.make": lambda: record, "tools.file_write": lambda *_: None})
    host.start("local r = t.make() tools.file_write('p', r) return {r}")
    assert host.calls[-1] == ("tools", "file_write", ["p", record])
    assert host.result == [record]


def test_a_broken_text_record_does_not_break_the_prelude() -> None:
    """A script that replaces `content` gets an empty text, and a map crosses."""
    source = "local r = t.make() r.content = nil return {'a' .. r, tostring(r), #r, r}"
    assert run(source, {"t.make": lambda: Ext(3, {"content": "x", "n": 1})}) == [
        "a",
        "",
        0,
        {"n": 1},
    ]


def test_payloads_the_host_reads_have_sorted_keys() -> None:
    """Map keys are sorted on the way out, whatever order they were made in."""
    host = Host()
    host.start("t.echo({c = 1, a = 1, b = 1})")
    assert list(host.calls[0][2][0]) == ["a", "b", "c"]
    assert decode(encode({"a": Ext(3, {"content": "x"})})) == {"a": Ext(3, {"content": "x"})}
