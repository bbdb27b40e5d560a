"""Values between JavaScript and the host."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from js_host import ECHO, Ext, handle, text_record

if TYPE_CHECKING:
    from js_host import Server

VALUES = [
    None,
    True,
    0,
    -1,
    127,
    128,
    255,
    256,
    65536,
    -33,
    -129,
    -32769,
    2**31,
    -(2**31) - 1,
    2**32,
    2**53,
    -(2**53),
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    0.5,
    1e300,
    math.inf,
    -math.inf,
    "",
    "x" * 31,
    "x" * 32,
    "x" * 300,
    "ä€\U0001f600" * 30_000,
    b"",
    b"\x00\xff" * 200,
    [],
    {},
    [[1, [2, {"a": None}]]],
    list(range(20)),
    {"b": 1, "a": [True, None]},
    {str(n): n for n in range(70_000)},
    {"__proto__": {"x": 1}, "constructor": 2, "then": 3, "$t": "handle"},
    ["v" * 70_000] * 3,
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:30])
def test_a_value_survives_the_way_there_and_back(js: Server, value: Any) -> None:
    """What a script only passes on arrives unchanged, types included."""
    outcome = js.run("return (await t.echo(params.v))[0]", {"t.echo": ECHO}, params={"v": value})
    got = outcome.done
    assert got == value
    assert type(got) is type(value)


def test_float_specials_stay_floats(js: Server) -> None:
    """NaN and -0 are floats; an integral number is an integer, one beyond 2^53 a float."""
    nan, zero, one, large = js.run("return [NaN, -0, 1.0, 2 ** 60]").done
    assert math.isnan(nan)
    assert math.copysign(1, zero) == -1
    assert type(one) is int
    assert type(large) is float


def test_integers_beyond_53_bits_are_bigint(js: Server) -> None:
    """No integer is rounded on its way into a script."""
    source = "return [typeof params.a, typeof params.b, `${params.a}`]"
    params = {"a": 2**53 + 1, "b": 2**53}
    assert js.run(source, params=params).done == ["bigint", "number", str(2**53 + 1)]


CONVERTED = {
    "undefined": None,
    "[undefined, , 1]": [None, None, 1],
    "{a: undefined, b: 1}": {"b": 1},
    "new Map([['b', 1], ['a', new Set([1, 2])]])": {"a": [1, 2], "b": 1},
    "new Date(0)": "1970-01-01T00:00:00.000Z",
    "new Uint8Array([1, 2, 3]).subarray(1)": b"\x02\x03",
    "new Uint16Array([1]).buffer": b"\x01\x00",
    "new DataView(new ArrayBuffer(3), 1)": b"\x00\x00",
    "Object('s')": "s",
    "Object(1)": 1,
    "Object(1n)": 1,
    "Object(false)": False,
    "new (class A { x = 1; get y() { return 2 } })": {"x": 1},
    "{get a() { return 1 }}": {"a": 1},
    "{toJSON() { return 5 }, a: 1}.a": 1,
    "Object.create(null)": {},
    "new Proxy({a: 1}, {})": {"a": 1},
    "new Proxy([1], {})": [1],
    "12n": 12,
    "new Error('e')": {"kind": "runtime", "message": "e"},
}


@pytest.mark.parametrize("source", CONVERTED)
def test_what_has_a_plain_form_takes_it(js: Server, source: str) -> None:
    """Maps, sets, dates, buffers, wrappers and instances cross as plain values."""
    assert js.run(f"return ({source})").done == CONVERTED[source]


REFUSED = {
    "{a: [1, {b: Symbol()}]}": "a[1].b",
    "{a: () => 1}": "a",
    "{'x-y': 2n ** 63n}": '["x-y"]',
    "[-(2n ** 63n) - 1n]": "[0]",
    "{s: 'a\\ud800b'}": "s",
    "{'\\ud800': 1}": "",
    "[new Date(NaN)]": "[0]",
    "[Promise.resolve(1)]": "[0]",
    "new Map([[1, 2]])": "",
}


@pytest.mark.parametrize("source", REFUSED)
def test_what_has_no_plain_form_is_refused(js: Server, source: str) -> None:
    """A conversion error names the path; nothing is coerced and nothing hangs."""
    record = js.run(f"return {source}").failed
    assert record["kind"] == "conversion"
    path = REFUSED[source]
    if path:
        assert record["details"]["path"] == path
        assert f"`{path}`" in record["message"]


def test_an_argument_is_named(js: Server) -> None:
    """A bad argument is named by its position, its method and its path."""
    record = js.run("await t.echo(1, {messages: [{}, {content: Symbol()}]})").failed
    assert record["details"] == {"path": "messages[1].content"}
    assert record["message"].startswith(
        "cannot convert argument 2 of `t.echo` at `messages[1].content`: a symbol",
    )
    assert record["traceback"][0]["line"] == 1


def test_depth_is_bounded(js: Server) -> None:
    """64 levels cross, 65 do not; a cycle is only a deep value."""
    deep = "let v = []; for (let i = 1; i < %d; i++) v = [v]; return v"
    assert js.run(deep % 64).done
    assert "deeper than 64" in js.run(deep % 65).failed["message"]
    assert js.run("const a = {}; a.a = a; return a").failed["kind"] == "conversion"


def test_nodes_are_bounded(js: Server) -> None:
    """200,000 values cross, more do not, and a claim of a huge list is refused at once."""
    assert len(js.run("return Array(200000).fill(1)").done) == 200_000
    assert "200000 values" in js.run("return Array(200001).fill(1)").failed["message"]
    assert js.run("return new Array(4294967295)").failed["kind"] == "conversion"


def test_message_bytes_are_bounded(js: Server) -> None:
    """A message larger than allowed is refused in the guest."""
    record = js.run("await t.echo('x'.repeat(17 * 1024 * 1024))").failed
    assert record["kind"] == "conversion"
    assert "larger than 16777216" in record["message"]


def test_the_result_has_a_limit_of_its_own(js: Server) -> None:
    """A result over `result_bytes` ends the run with the limit's name."""
    record = js.run("return 'x'.repeat(11 * 1024 * 1024)").failed
    assert (record["kind"], record["details"]["limit"]) == ("limit", "result")


def test_keys_are_sorted_by_code_point(js: Server) -> None:
    """A map's keys leave in the order Lua and Python sort them in, beyond the BMP too."""
    outcome = js.run("return json.encode({'\\u{1F600}': 1, '\\uFFFD': 2, b: 3, a: 4})")
    assert outcome.done == '{"a":4,"b":3,"\ufffd":2,"\U0001f600":1}'
    done = js.run("return {'\\u{1F600}': 1, '\\uFFFD': 2, b: 3, a: 4}").done
    assert list(done) == ["a", "b", "\ufffd", "\U0001f600"]


def test_maps_of_the_host_keep_their_order(js: Server) -> None:
    """A script iterates a map in the order in which the host sent it."""
    assert js.run("return Object.keys(params)", params={"z": 1, "a": 2}).done == ["z", "a"]


def test_trailing_undefined_arguments_are_left_out(js: Server) -> None:
    """`f(a, undefined)` is `f(a)`, as JavaScript's own defaults have it."""
    outcome = js.run("await t.echo(1, undefined, 2, undefined)", {"t.echo": ECHO})
    assert outcome.calls == [["t", "echo", [1, None, 2]]]


RECORD = text_record("hello world", usage={"total_tokens": 5}, model="m", length=99, toString=1)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("'x' + r", "xhello world"),
        ("`${r}!`", "hello world!"),
        ("r.substring(0, 5)", "hello"),
        ("r.content", "hello world"),
        ("r.usage.total_tokens", 5),
        ("r.model", "m"),
        ("r.length", 11),
        ("r === 'hello world'", False),
        ("r.content === 'hello world'", True),
        ("r instanceof String", True),
        ("JSON.stringify(r)", '"hello world"'),
        ("json.encode([r])", '["hello world"]'),
        ("r", {"content": "hello world", "usage": {"total_tokens": 5}, "model": "m"}),
        ("[r][0].toUpperCase()", "HELLO WORLD"),
    ],
)
def test_a_text_record_is_a_text_with_fields(js: Server, source: str, expected: Any) -> None:
    """Concatenation, templates, string methods, JSON and fields all work on one value."""
    outcome = js.run(f"const r = await t.get_it(); return {source}", {"t.get_it": RECORD})
    done = outcome.done
    if isinstance(done, dict):
        assert done.pop("length") == 99
        assert done.pop("toString") == 1
    assert done == expected


def test_a_text_record_stays_one_as_an_argument(js: Server) -> None:
    """Passed on to a bridge a text record keeps its fields."""
    outcome = js.run(
        "await t.echo(await t.get_it())",
        {"t.get_it": text_record("x", a=1), "t.echo": ECHO},
    )
    assert outcome.calls[1][2] == [Ext(3, {"a": 1, "content": "x"})]


FORGED = [
    "{$handle: 7}",
    "Object.create(Object.getPrototypeOf(h))",
    "{...h}",
    "Object.assign({}, h, {id: 7})",
    "new Proxy(h, {})",
]


@pytest.mark.parametrize("source", FORGED)
def test_a_handle_cannot_be_forged(js: Server, source: str) -> None:
    """Only what the host gave crosses as a handle."""
    source = f"const h = await t.get_it(); delete h.run; await t.echo({source})"
    outcome = js.run(source, {"t.get_it": handle(7, "agent"), "t.echo": ECHO})
    assert not isinstance(outcome.calls[1][2][0], Ext)


def test_a_getter_may_log_while_its_object_is_converted(js: Server) -> None:
    """Converting is reentrant: neither message is damaged."""
    source = "return {a: 'x', get b() { console.log('in', {c: 1}); return 2 }, c: 'y'}"
    outcome = js.run(source)
    assert outcome.logs == ['in {"c":1}']
    assert outcome.done == {"a": "x", "b": 2, "c": "y"}


def test_a_throwing_getter_is_the_scripts_own_error(js: Server) -> None:
    """What a getter throws while its object is converted ends the spell as any error would."""
    record = js.run("return {get a() { throw new Error('mine') }}").failed
    assert (record["kind"], record["message"]) == ("runtime", "mine")
