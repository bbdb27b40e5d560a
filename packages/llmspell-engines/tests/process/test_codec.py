"""MessagePack between values and bytes: faithful, bounded, strict."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell_core.errors import ConversionError
from llmspell_core.values import Bounds, BuilderRef, CallbackRef, HandleRef, TextRecord
from llmspell_engines.codec import decode, encode

pack = msgspec.msgpack.encode


def ext(code: int, data: object) -> msgspec.msgpack.Ext:
    """Make an extension value, well-formed or not."""
    return msgspec.msgpack.Ext(code, pack(data))


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | texts
    | st.binary(max_size=300)
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=20) | st.dictionaries(texts, inner, max_size=20)
)


@given(values)
def test_values_cross_unchanged(value: Any) -> None:
    """Every plain value comes back equal, and 1 and 1.0 stay apart."""
    got = decode(encode(value))
    assert got == value
    assert repr(got) == repr(value)


@given(values)
def test_encoding_is_that_of_msgspec(value: Any) -> None:
    """Plain values are written as any MessagePack library writes them."""
    assert encode(value) == pack(value)


@given(st.binary(max_size=200))
def test_noise_gives_a_value_or_a_conversion_error(noise: bytes) -> None:
    """Random bytes never raise anything but ConversionError."""
    try:
        decode(noise, arguments=True)
    except ConversionError:
        return


@given(values, st.data())
def test_a_truncated_payload_is_refused(value: Any, data: st.DataObject) -> None:
    """No proper prefix of a value is a value."""
    payload = encode(value)
    with pytest.raises(ConversionError):
        decode(payload[: data.draw(st.integers(0, len(payload) - 1))])


def test_not_a_number_crosses() -> None:
    """NaN and infinities are values."""
    got = decode(encode([math.nan, math.inf, -math.inf]))
    assert isinstance(got, list)
    assert math.isnan(got[0])  # type: ignore[arg-type]  # a float, or the test fails
    assert got[1:] == [math.inf, -math.inf]


def test_a_text_record_keeps_its_fields() -> None:
    """A text record crosses with its text and fields, records inside included."""
    record = TextRecord("hello", {"usage": {"tokens": 3}, "first": TextRecord("h", {"n": 1})})
    got = decode(encode({"answer": record}))
    assert isinstance(got, dict)
    answer = got["answer"]
    assert isinstance(answer, TextRecord)
    assert answer == "hello"
    assert answer.fields["usage"] == {"tokens": 3}
    first = answer.fields["first"]
    assert isinstance(first, TextRecord)
    assert first.fields == {"n": 1, "content": "h"}


def test_references_take_their_protocol_form() -> None:
    """A handle goes out with its methods, and comes back as a number only."""
    payload = encode([HandleRef(id=7, type="stream", methods={"next": 0})])
    assert payload == pack([ext(1, [7, "stream", {"next": 0}])])
    assert decode(payload) == [HandleRef(id=7)]


def test_arguments_may_hold_callbacks_and_builders() -> None:
    """Callbacks and builders are read in a call's arguments, also inside one another."""
    steps = [["add_step", [ext(2, [4, "action"]), {"n": 1}]]]
    got = decode(pack([ext(4, ["workflow", "sequential", ["title"], steps])]), arguments=True)
    step = ("add_step", [CallbackRef(id=4, name="action"), {"n": 1}])
    assert got == [
        BuilderRef(bridge="workflow", builder="sequential", args=["title"], steps=[step])
    ]


@pytest.mark.parametrize("code", [2, 4])
def test_answers_hold_no_callbacks(code: int) -> None:
    """Outside a call's arguments a callback or a builder is refused."""
    with pytest.raises(ConversionError, match=f"extension type {code} is not allowed"):
        decode(pack({"f": ext(code, [4, "f"])}))


@pytest.mark.parametrize(
    ("code", "data"),
    [
        (1, []),
        (1, ["7"]),
        (1, [True]),
        (1, 7),
        (2, [1]),
        (2, [1, 2]),
        (3, "text"),
        (3, {"content": 1}),
        (3, {}),
        (4, ["a", "b", []]),
        (4, ["a", "b", [], [["step"]]]),
        (4, ["a", "b", [], ["step"]]),
    ],
)
def test_a_reference_of_the_wrong_shape_is_refused(code: int, data: object) -> None:
    """Forged references fail in conversion, not deeper in the host."""
    with pytest.raises(ConversionError, match="wrong shape"):
        decode(pack(ext(code, data)), arguments=True)


def deep(levels: int) -> list[Any]:
    """Nest lists."""
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "path", "what"),
    [
        ({"messages": [1, 2, {"content": 2**63}]}, "messages[2].content", "64 bits"),
        ({"a": [{1: 2}]}, "a[0]", "a key must be a string"),
        ({"a b": [None, {b"k": 2}]}, '["a b"][1]', "a key must be a string"),
        ({"x" * 40: {"y": ext(9, None)}}, "x" * 40 + ".y", "extension type 9"),
        ([[msgspec.msgpack.Ext(1, b"\x93\x01")]], "[0][0]", "cut off"),
    ],
)
def test_a_refusal_names_the_path(value: object, path: str, what: str) -> None:
    """What is wrong is named with where it is."""
    with pytest.raises(ConversionError, match=what) as caught:
        decode(pack(value))
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("payload", "what"),
    [
        (pack(deep(66)), "nested deeper than 64"),
        (b"\x91" * 10_000_000, "nested deeper than 64"),
        (b"\x81\xa1k" * 100_000, "nested deeper than 64"),
        (b"\xdd\xff\xff\xff\xff", "more than 200,000 values"),
        (b"\xdc\xff\xff" * 60, "cut off"),
        (b"\x81\xdb\xff\xff\xff\xffkey", "cut off"),
        (pack([[None] * 1000] * 300), "more than 200,000 values"),
        (bytes(17 * 1024 * 1024), "larger than 16,777,216 bytes"),
        (b"\xa2\xff\xff", "not UTF-8"),
        (b"\xc1", "malformed"),
        (b"\xc0\xc0", "trailing"),
        (b"", "cut off"),
        (b"\xd6\xff\x00\x00\x00\x00", "extension type 255"),
    ],
)
def test_what_is_too_much_or_malformed_is_refused(payload: bytes, what: str) -> None:
    """Bounds on depth, count and size hold, and so does the format."""
    with pytest.raises(ConversionError, match=what):
        decode(payload)


def test_a_long_key_is_cut_in_the_path() -> None:
    """A hostile key does not become an error text of megabytes."""
    with pytest.raises(ConversionError) as caught:
        decode(pack({"k" * 1_000_000: 2**63}))
    assert len(str(caught.value)) < 300


def test_a_bomb_is_refused_before_it_is_built() -> None:
    """8 MB of empty maps, 570 MB as objects, cost the host less than one."""
    bomb = b"\xdd" + (8_000_000).to_bytes(4, "big") + b"\x80" * 8_000_000
    nested = b"\x91" + b"\xdd" + (199_999).to_bytes(4, "big") + b"\x9f" * 199_999
    tracemalloc.start()
    try:
        for payload in (bomb, nested):
            with pytest.raises(ConversionError):
                decode(payload)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("value", "path", "what"),
    [
        ({"a": [1, {2}]}, "a[1]", "a set cannot cross"),
        ({"a": {1: 2}}, "a", "a key must be a string, got int"),
        ([2**63], "[0]", "does not fit in 64"),
        ({"n": -(2**63) - 1}, "n", "does not fit in 64"),
        ({"o": object()}, "o", "a object cannot cross"),
        ("\ud800", None, "lone surrogate"),
        (["x" * 10_000_000, "x" * 10_000_000], None, "larger than"),
    ],
)
def test_the_host_refuses_what_cannot_cross(value: Any, path: str | None, what: str) -> None:
    """Encoding is as strict as decoding, with the same paths."""
    with pytest.raises(ConversionError, match=what) as caught:
        encode(value)
    assert caught.value.path == path


def test_a_cycle_and_a_shared_reference_bomb_are_refused() -> None:
    """Neither a value inside itself nor one shared a billion times is written."""
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(ConversionError, match="nested deeper"):
        encode(cycle)
    bomb: list[Any] = []
    for _ in range(40):
        bomb = [bomb, bomb]
    with pytest.raises(ConversionError, match="more than 200,000 values"):
        encode(bomb)


def test_bounds_can_be_set() -> None:
    """A caller's own bounds hold in both directions."""
    small = Bounds(depth=1, nodes=3, message_bytes=10)
    assert decode(encode([1, 2], bounds=small), bounds=small) == [1, 2]
    for value in ([[1]], [1, 2, 3, 4], "x" * 20):
        with pytest.raises(ConversionError):
            encode(value, bounds=small)
        with pytest.raises(ConversionError):
            decode(pack(value), bounds=small)


def test_encoding_leaves_the_value_as_it_was() -> None:
    """References inside a value are replaced in the copy that travels only."""
    handle = HandleRef(id=1, type="t")
    value = {"list": [handle, "text"], "same": handle}
    encode(value)
    assert value == {"list": [handle, "text"], "same": handle}
