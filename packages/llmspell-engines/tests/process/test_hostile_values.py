"""Payloads from a worker that was taken over: a value or a refusal, at a bounded price."""

from __future__ import annotations

import math
import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from wild import mutated, pack, payloads, values

from llmspell_core.errors import ConversionError
from llmspell_core.values import Bounds
from llmspell_engines import codec
from llmspell_engines.codec import Reading, decode, encode
from llmspell_engines.scan import EXT_NODES, Refused, Scan

ALL = frozenset({1, 2, 3, 4})
SMALL = Bounds(depth=4, nodes=300, message_bytes=2000)
hostile = payloads | mutated(values.map(encode)) | st.binary(max_size=200)


def outcome(payload: bytes, **options: Any) -> tuple[str, str | None]:
    """Decode, and say what came of it: the value, or the refusal and its path."""
    try:
        return repr(decode(payload, **options)), None
    except ConversionError as error:
        return str(error), error.path


@given(hostile, st.booleans())
@settings(max_examples=400)
def test_a_payload_gives_a_value_or_a_conversion_error(payload: bytes, arguments: bool) -> None:  # noqa: FBT001 - hypothesis draws it
    """Whatever the bytes, nothing but ConversionError is raised, with a text that is bounded."""
    said, _ = outcome(payload, arguments=arguments)
    try:
        decode(payload, arguments=arguments)
    except ConversionError:
        assert len(said) < 1000


@given(values)
def test_what_was_encoded_comes_back(value: Any) -> None:
    """Every value that can cross is the same on the other side, references inside one another too."""
    assert repr(decode(encode(value), arguments=True)) == repr(value)


@given(hostile)
def test_what_was_decoded_can_be_encoded(payload: bytes) -> None:
    """No value that a worker gets in is one that the host cannot send on."""
    try:
        value = decode(payload, arguments=True)
    except ConversionError:
        return
    assert repr(decode(encode(value), arguments=True)) == repr(value)


@given(hostile, st.integers(1, 5))
@settings(max_examples=400)
def test_slices_do_not_change_the_verdict(payload: bytes, few: int) -> None:
    """Judged a few values at a time, a payload meets the same refusal at the same place."""

    def judged(most: int) -> tuple[str, str]:
        scan = Scan(payload, exts=ALL, depth=SMALL.depth, nodes=SMALL.nodes)
        try:
            while not scan.run(most):
                pass
        except Refused as refused:
            return refused.what, refused.path()
        return "", f"{scan.used} {scan.references} {scan.wide_bytes}"

    assert judged(few) == judged(1_000_000)


@given(hostile)
@settings(max_examples=400)
def test_msgspec_reads_what_the_scan_let_pass(payload: bytes) -> None:
    """After the scan only texts that are not UTF-8 and references of a wrong shape are refused."""
    try:
        scan = Scan(payload, exts=ALL, depth=SMALL.depth, nodes=SMALL.nodes)
        while not scan.run(10):
            pass
    except Refused:
        return
    said, _ = outcome(payload, arguments=True)
    assert ": malformed: " not in said or "wrong shape" in said


class Untouched:
    """A decoder that must not be asked."""

    def decode(self, payload: bytes) -> Any:
        pytest.fail(f"decoded {payload[:20]!r}")


BOMBS = {
    "empty maps": b"\xdd" + (8_000_000).to_bytes(4, "big") + b"\x80" * 8_000_000,
    "a list of 2^32 - 1": b"\xdd\xff\xff\xff\xff" + b"\xc0" * 1000,
    "a map of 2^32 - 1": b"\xdf\xff\xff\xff\xff" + b"\xa1k\xc0" * 1000,
    "a text of 2^32 - 1": b"\xdb\xff\xff\xff\xff" + b"x" * 1000,
    "lists in lists": b"\x91" * 1_000_000,
    "maps in maps": b"\x81\xa1k" * 300_000,
    "handles": b"\xdd" + (4001).to_bytes(4, "big") + b"\xd5\x01\x91\x05" * 4001,
    "extensions in one another": b"\xc8\xff\xff\x01" * 100,
    "a key that is a list": b"\x81\x90\xc0",
    "a key that is no number": b"\x81\xcb\x7f\xf8\0\0\0\0\0\0\xc0",
    "a key that is bytes": b"\x81\xc4\x01k\xc0",
    "an integer of 64 bits": b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
    "a time": b"\xd6\xff\0\0\0\0",
    "another extension": b"\xd4\x05\xc0",
    "two values": b"\xc0\xc0",
    "nothing": b"",
    "too many bytes": b"\xc6" + (16 << 20).to_bytes(4, "big") + bytes(16 << 20),
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_the_scan_refuses_is_never_decoded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bomb is refused before msgspec sees it, and costs less than a megabyte."""
    monkeypatch.setattr(codec, "_decoder", Untouched())
    payload = BOMBS[name]
    tracemalloc.start()
    try:
        with pytest.raises(ConversionError):
            decode(payload, arguments=True)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


HEAVY = {
    "maps of one pair": pack([{"k": n} for n in range(1000, 60_000)]),
    "maps with keys of their own": pack([{f"key {n}": n} for n in range(1000, 60_000)]),
    "nested lists": b"\xdd" + (3000).to_bytes(4, "big") + (b"\x91" * 60 + b"\x90") * 3000,
    "empty lists": b"\xdd" + (199_999).to_bytes(4, "big") + b"\x90" * 199_999,
    "texts": pack(["ab"] * 199_999),
    "numbers": pack([n + 0.5 for n in range(199_999)]),
    "text records": pack([msgspec.msgpack.Ext(3, pack({"content": "x", "n": 1}))] * 3600),
    "handles": pack([msgspec.msgpack.Ext(1, pack([7]))] * 3800),
    "builders": pack([msgspec.msgpack.Ext(4, pack(["a", "b", [], [["s", []]]]))] * 3300),
    "wide texts": pack(["x" * 1_000_000 + "\U0001f600"] * 4),
    "bytes": pack([bytes(1_000_000)] * 4),
    "many wide texts": pack(["x" * 900 + "\U0001f600"] * 1000),
    "many short wide texts": pack(["x" * 27 + "\U0001f600"] * 100_000),
}


@pytest.mark.parametrize("name", HEAVY)
def test_a_readings_weight_is_no_less_than_its_memory(name: str) -> None:
    """What the host counts for a message covers what the decoded value takes."""
    reading = Reading(HEAVY[name], arguments=True)
    while not reading.go_on():
        pass
    tracemalloc.start()
    try:
        value = reading.value()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert value
    assert held <= reading.weight


@given(hostile)
@settings(max_examples=200)
def test_no_payload_takes_more_than_its_weight(payload: bytes) -> None:
    """Judging and decoding any small payload takes its weight and a few kilobytes at most."""
    reading = Reading(payload, arguments=True)
    tracemalloc.start()
    try:
        while not reading.go_on():
            pass
        try:
            value = reading.value()
        except ConversionError:
            value = None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    del value
    assert peak <= reading.weight + 20_000


def test_the_last_of_two_equal_keys_counts() -> None:
    """Duplicate keys are no error in MessagePack: the map has one, as in JSON."""
    assert decode(b"\x82\xa1k\x01\xa1k\x02") == {"k": 2}


@pytest.mark.parametrize("data", [b"\xff", b"a\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80"])
@pytest.mark.parametrize(
    "make", [lambda t: t, lambda t: b"\x91" + t, lambda t: b"\x81" + t + b"\xc0"]
)
def test_text_that_is_not_utf_8_is_refused(data: bytes, make: Any) -> None:
    """Wrong bytes, surrogates and overlong forms are refused as texts, as keys and inside."""
    with pytest.raises(ConversionError, match="not UTF-8"):
        decode(make(bytes([0xA0 + len(data)]) + data))


def test_not_a_number_is_a_value_and_no_key() -> None:
    """NaN crosses as a value in a list and in a map."""
    got = decode(b"\x81\xa1k\x91\xcb\x7f\xf8\0\0\0\0\0\0")
    assert isinstance(got, dict)
    inner = got["k"]
    assert isinstance(inner, list)
    assert math.isnan(inner[0])  # type: ignore[arg-type]  # a float, or the test fails


@given(st.sampled_from([1, 2, 3, 4]), payloads)
@example(1, pack([2**63]))
@example(3, pack({"content": "x", "fields": {"content": 1}}))
@example(4, pack(["a", "b", [], [["s", [1], 2]]]))
def test_a_reference_is_of_its_shape_or_refused(code: int, data: bytes) -> None:
    """Extension values with every wrong payload are refused in conversion."""
    payload = b"\xc9" + len(data).to_bytes(4, "big") + bytes([code]) + data
    said, _ = outcome(payload, arguments=True)
    kinds = ("HandleRef", "CallbackRef", "'", '"', "BuilderRef", "cannot convert value")
    assert said.startswith(kinds)


def test_an_extension_counts_for_many_values() -> None:
    """A function of ours reads each, so fewer of them are admitted."""
    handle = b"\xd5\x01\x91\x05"
    most = (200_000 - 16) // (EXT_NODES + 2)
    assert decode(b"\xdc" + most.to_bytes(2, "big") + handle * most)
    with pytest.raises(ConversionError, match="more than 200,000 values"):
        decode(b"\xdc" + (most + 10).to_bytes(2, "big") + handle * (most + 10))


def test_a_large_message_is_judged_in_slices() -> None:
    """200,000 lists in one another need a hundred slices, and the path is right at the end."""
    chain = b"\x91" * 60 + b"\x90"
    reading = Reading(b"\xdd" + (3001).to_bytes(4, "big") + chain * 3000 + b"\x81\xa1k\xc1")
    slices = 1
    while not reading.go_on():
        slices += 1
    assert 80 < slices < 120
    with pytest.raises(ConversionError, match="malformed") as caught:
        reading.value()
    assert caught.value.path == "[3000].k"
