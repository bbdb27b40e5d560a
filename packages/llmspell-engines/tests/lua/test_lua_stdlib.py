"""The pure functions of the guest: json, util, math, os, console, env, require."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid

import pytest
from lua_host import Host, failure, run


@pytest.mark.parametrize("size", [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000])
@pytest.mark.parametrize("algorithm", ["sha256", "sha1", "md5"])
def test_hashes_agree_with_hashlib(algorithm: str, size: int) -> None:
    """Each algorithm gives what hashlib gives, at every padding length."""
    data = bytes(i * 7 % 256 for i in range(size))
    assert (
        run(f"return util.hash(params.d, '{algorithm}')", params={"d": data})
        == hashlib.new(algorithm, data).hexdigest()
    )


def test_hash_defaults_to_sha256_and_names_its_algorithms() -> None:
    """Without an algorithm it is SHA-256; an unknown one is an error."""
    assert run("return util.hash('abc')") == hashlib.sha256(b"abc").hexdigest()
    assert '"sha256", "sha1" or "md5"' in failure("util.hash('x', 'crc')")["message"]


@pytest.mark.parametrize("size", range(8))
def test_base64_agrees_with_python(size: int) -> None:
    """Encoding and decoding agree at every remainder."""
    data = bytes(range(250, 256))[:size] + b"ab"
    result = run(
        "local e = util.base64.encode(params.d) return {e, util.base64.decode(e) == params.d}",
        params={"d": data},
    )
    assert result == [base64.b64encode(data).decode(), True]


@pytest.mark.parametrize("text", ["a", "ab=c", "====", "a?==", "YQ=", "é==="])
def test_bad_base64_is_a_conversion_error(text: str) -> None:
    """What is not base64 is refused."""
    assert failure("util.base64.decode(params.t)", params={"t": text})["kind"] == "conversion"


def test_uuids_and_randoms_follow_the_seed() -> None:
    """The same seed gives the same values, another gives others; UUIDs are version 4."""
    source = "return {util.uuid(), util.uuid(), math.random(1000000), math.random()}"
    first = run(source)
    assert first == run(source)
    assert first != run(source, seed=8)
    assert first[0] != first[1]
    assert uuid.UUID(first[0]).version == 4
    assert uuid.UUID(first[0]).variant == uuid.RFC_4122


def test_reseeding_without_a_seed_is_repeatable() -> None:
    """`math.randomseed()` takes the run's seed, not the clock."""
    assert run("math.randomseed() return math.random(1 << 40)") == run(
        "math.randomseed() return math.random(1 << 40)"
    )
    assert run("math.randomseed(42) return util.uuid()") == run("return util.uuid()")


def test_time_is_the_runs_own_clock() -> None:
    """util.now, os.time, os.clock and os.date follow the newest message."""
    host = Host()
    host.methods["t.echo"] = lambda: setattr(host, "clock_ms", 2500)
    host.start(
        "local a = {util.now(), os.time(), os.clock()} t.echo() return {a, {util.now(), os.time(), os.clock()}, os.date('%Y-%m-%d %H:%M:%S')}"
    )
    assert host.result == [
        [1_700_000_000_000, 1_700_000_000, 0.0],
        [1_700_000_002_500, 1_700_000_002, 2.5],
        "2023-11-14 22:13:22",
    ]


def test_dates_are_utc() -> None:
    """os.time of a date and os.date agree, over leap years and out-of-range fields."""
    source = """
    local ok = true
    for _, t in ipairs({0, 951782400, 1700000000, -86400, 4102444800}) do
      local d = os.date('*t', t)
      ok = ok and os.time(d) == t
    end
    return {ok, os.time({year = 2024, month = 14, day = -3}), os.difftime(5, 3)}"""
    assert run(source) == [True, 1738022400 + 43200, 2.0]
    assert "field 'day' missing" in failure("os.time({year = 1, month = 1})")["message"]


def test_json_sorts_keys_and_reads_back() -> None:
    """json.encode is deterministic and standard; json.decode reads it back in order."""
    value = {"b": [1, 2.5, None, True, 'é\n"\\\x01\x7f/'], "a": {}, "c": []}
    text = run("return json.encode(params.v)", params={"v": value})
    assert text == '{"a":{},"b":[1,2.5,null,true,"é\\n\\"\\\\\\u0001\\u007f/"],"c":[]}'
    assert run("return json.decode(params.t)", params={"t": text}) == value
    assert json.loads(text) == value


def test_json_indents() -> None:
    """The option `indent` gives one item a line."""
    assert (
        run("return json.encode({a = {1, 2}, b = {}}, {indent = 2})")
        == '{\n  "a": [\n    1,\n    2\n  ],\n  "b": {}\n}'
    )
    assert "indent" in failure("json.encode({}, {indent = 99})")["message"]


@pytest.mark.parametrize(
    "number", ["0.1", "1e300", "-0.0", "123456789012345680.0", "5e-324", "1.0", "100.0", "1e+20"]
)
def test_json_floats_are_shortest_and_stay_floats(number: str) -> None:
    """A float is written so that it reads back the same, and as a float."""
    assert (
        run(
            f"local v = {number} local w = json.decode(json.encode(v)) return w == v and math.type(w) == 'float'"
        )
        is True
    )
    assert float(run(f"return json.encode({number})")) == float(number)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (
            ' [1, -2, 3.5, 1e2, "\\u00e9\\ud83d\\ude00\\ud800", null, true] ',
            [1, -2, 3.5, 100.0, "é\U0001f600\ufffd", None, True],
        ),
        ("null", None),
        ('"x"', "x"),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", float(2**63)),
        ("{}", {}),
        ("[]", []),
    ],
)
def test_json_decodes(text: str, value: object) -> None:
    """Standard JSON is read."""
    assert run("return json.decode(params.t)", params={"t": text}) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1,]",
        "{a:1}",
        '{"a" 1}',
        "01",
        "1.",
        "nul",
        '"a',
        '"\\x"',
        '"\n"',
        "[1] 2",
        "-",
        "'a'",
        "[" * 100,
        '{"a":1,}',
        "NaN",
    ],
)
def test_bad_json_is_a_conversion_error(text: str) -> None:
    """What is not JSON is refused with a position."""
    record = failure("json.decode(params.t)", params={"t": text})
    assert (record["kind"], "json.decode" in record["message"]) == ("conversion", True)


@pytest.mark.parametrize(
    "code",
    [
        "print",
        "0/0",
        "1/0",
        "'\\xff'",
        "{1, a = 2}",
        "t",
        "(function() local t = {} t.t = t return t end)()",
    ],
)
def test_what_has_no_json_is_a_conversion_error(code: str) -> None:
    """json.encode refuses what JSON cannot say."""
    assert failure(f"json.encode({code})")["kind"] == "conversion"


def test_console_shows_values() -> None:
    """Texts as they are, tables as JSON with sorted keys, null as null."""
    source = """
    console.log("a b", 1, 1.0, nil, null, true, {b = 1, a = {1, "x", null}}, {}, array{})
    console.info({f = print, n = 0/0, [1.5] = 1})
    console.warn(workflow.sequential(), t)
    console.error(setmetatable({}, {__tostring = function() return "mine" end}), select(2, pcall(t.fail)))
    console.debug(string.rep("é", 3), "\\xff")
    console.write("x", 1)
    print("a", nil, 1.0)
    print()"""
    host = Host()
    host.start(source)
    assert host.logs == [
        ("log", 'a b 1 1.0 null null true {"a":[1,"x",null],"b":1} {} []'),
        ("info", '{[1.5]:1,"f":<function>,"n":nan}'),
        ("warn", "workflow.sequential: 0x00000001 bridge t: 0x00000002"),
        ("error", "mine validation error: no method t.fail"),
        ("debug", "ééé \ufffd"),
        ("write", "x 1"),
        ("log", "a\tnil\t1.0"),
        ("log", ""),
    ]


def test_console_shows_cycles_and_depth() -> None:
    """Logging never fails because of a value's shape."""
    host = Host()
    host.start(
        "local t = {} t.t = t console.log(t) local d = {} for i = 1, 100 do d = {d} end console.log(d) return 1"
    )
    assert host.texts[0] == '{"t":<cycle>}'
    assert host.result == 1


def test_an_ungranted_variable_is_nil_and_warns_once() -> None:
    """`env` gives granted names; another name is nil and the warning names the flag."""
    host = Host()
    source = "local keys = {} for k in pairs(env) do keys[#keys+1] = k end return {env.A, os.getenv('A'), env.B == nil, env.B == nil, os.getenv('B') == nil, keys}"
    host.start(source, env={"Z": "1", "A": "a"})
    assert host.result == ["a", "a", True, True, True, ["Z", "A"]]
    assert host.logs == [("warn", "env.B is not granted; allow it with --allow-env=B")]


def test_sleep_is_a_call_of_the_host() -> None:
    """util.sleep asks the host, in whole milliseconds."""
    host = Host()
    host.start("util.sleep(10) util.sleep(math.pow(2, 3)) util.sleep(0.5)")
    assert host.calls == [
        ("runtime", "sleep", [10]),
        ("runtime", "sleep", [8]),
        ("runtime", "sleep", [1]),
    ]
    assert "at least 0" in failure("util.sleep(-1)")["message"]
    assert "at least 0" in failure("util.sleep(0/0)")["message"]
    assert "too many" in failure("util.sleep(1/0)")["message"]


def test_math_has_the_usual_functions() -> None:
    """`pow` and its neighbours extend Lua's own math."""
    source = "return {math.pow(2, 10), math.log10(1000), math.log2(8), math.round(2.5), math.sign(-3), math.trunc(-2.7), math.clamp(9, 1, 5), math.cbrt(27), math.hypot(3, 4), math.floor(1.5)}"
    result = run(source)
    assert result == pytest.approx([1024, 3, 3, 3, -1, -2, 5, 3, 5, 1])


def test_require_loads_once_and_sees_the_same_environment() -> None:
    """An include runs once, may call the host, and shares globals."""
    includes = {
        "lib.h": {
            "name": "lib/h.lua",
            "source": "\ufeff#!x\nprint('load', ...) shared = 1 return {v = t.echo(5)}",
        }
    }
    host = Host()
    host.start(
        "local a, b = require('lib.h'), require('lib.h') return {a == b, a.v, shared}",
        includes=includes,
    )
    assert host.result == [True, 5, 1]
    assert host.texts == ["load\tlib.h\tlib/h.lua"]


def test_require_reports_cycles_and_unknown_names() -> None:
    """A cycle names its members; an unknown module says where modules come from."""
    includes = {
        "a": {"name": "a.lua", "source": "return require('b')"},
        "b": {"name": "b.lua", "source": "return require('a')"},
    }
    assert "a -> b -> a" in failure("require('a')", includes=includes)["message"]
    assert "module 'zzz' is not among the files" in failure("require('zzz')")["message"]
    assert run(
        "local ok = pcall(require, 'a') local ok2, e = pcall(require, 'a') return e:find('a %-> b %-> a') ~= nil",
        includes=includes,
    )
