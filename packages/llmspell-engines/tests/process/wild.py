"""Strategies for payloads that no honest worker would write, and for those that one might."""

from __future__ import annotations

from struct import pack as struct_pack
from typing import Any

import msgspec
from hypothesis import strategies as st

from llmspell_core.values import BuilderRef, CallbackRef, HandleRef, TextRecord

pack = msgspec.msgpack.encode

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | texts
    | st.binary(max_size=300)
)
plain_values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=8) | st.dictionaries(texts, inner, max_size=8)
)


def _references(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    args = st.lists(inner, max_size=3)
    steps = st.lists(st.tuples(texts, args), max_size=3)
    return (
        st.builds(HandleRef, id=st.integers(-(2**63), 2**63 - 1))
        | st.builds(CallbackRef, id=st.integers(-(2**63), 2**63 - 1), name=texts)
        | st.builds(TextRecord, texts, st.dictionaries(texts, inner, max_size=3))
        | st.builds(BuilderRef, bridge=texts, builder=texts, args=args, steps=steps)
    )


values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5) | _references(inner)
    ),
    max_leaves=20,
)
"""Everything that can cross, references in one another included."""

_atoms = (
    st.integers(0, 127).map(lambda number: bytes([number]))
    | st.sampled_from([b"\xc0", b"\xc1", b"\xc2", b"\xc3", b"\x80", b"\x90", b"\xa0"])
    | st.integers(0, 2**64 - 1).map(lambda number: b"\xcf" + number.to_bytes(8, "big"))
    | st.floats(width=32).map(lambda number: b"\xca" + struct_pack("!f", number))
    | st.floats().map(lambda number: b"\xcb" + struct_pack("!d", number))
    | st.binary(max_size=20).map(lambda data: bytes([0xA0 + len(data)]) + data)
    | st.binary(max_size=20).map(lambda data: b"\xd9" + bytes([len(data)]) + data)
    | st.binary(max_size=20).map(lambda data: b"\xc4" + bytes([len(data)]) + data)
)
"""Values without others inside; the texts need not be UTF-8."""
_claims = st.integers(0, 3) | st.sampled_from([15, 255, 65_535, 2**31, 2**32 - 1])
"""Counts and lengths, most of them lies."""


def _claimed(head: int, count: int, parts: list[bytes]) -> bytes:
    return bytes([head]) + count.to_bytes(4, "big") + b"".join(parts)


def _inside(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    parts = st.lists(inner, max_size=6)
    codes = st.sampled_from([0, 1, 2, 3, 4, 5, 127, 255])
    honest_map = parts.map(lambda found: bytes([0x80 + len(found) // 2]) + b"".join(found))
    honest_list = parts.map(lambda found: bytes([0x90 + len(found)]) + b"".join(found))
    ext = st.builds(
        lambda code, data: b"\xc7" + bytes([min(len(data), 255), code]) + data, codes, inner
    )
    fixed_ext = st.builds(
        lambda at, code, data: bytes([0xD4 + at, code]) + data, st.integers(0, 4), codes, inner
    )
    return (
        honest_list
        | honest_map  # keys of every type, one value short where the number of parts is odd
        | st.builds(_claimed, st.sampled_from([0xDD, 0xDF, 0xDB, 0xC6]), _claims, parts)
        | ext
        | fixed_ext
    )


payloads = st.recursive(_atoms, _inside, max_leaves=12)
"""MessagePack, nearly: keys of any type, counts that lie, texts that are no text."""


@st.composite
def mutated(draw: st.DrawFn, honest: st.SearchStrategy[bytes]) -> bytes:
    """Draw an honest payload with bytes changed, taken out, repeated or cut off."""
    data = bytearray(draw(honest))
    for _ in range(draw(st.integers(1, 4))):
        if not data:
            break
        at = draw(st.integers(0, len(data) - 1))
        match draw(st.sampled_from(["set", "cut", "repeat", "end"])):
            case "set":
                data[at] = draw(st.integers(0, 255))
            case "cut":
                del data[at : at + draw(st.integers(1, 8))]
            case "repeat":
                data[at:at] = data[at : at + draw(st.integers(1, 8))]
            case _:
                del data[at:]
    return bytes(data)
