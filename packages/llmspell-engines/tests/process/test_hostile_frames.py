"""Streams that break the framing: the messages before the break come out, and then a violation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmspell_engines import protocol as p
from llmspell_engines.protocol import FrameReader, ProtocolViolation

if TYPE_CHECKING:
    from collections.abc import Iterator

FRAME, MESSAGE = 16, 100
"""Bounds small enough that small streams reach them."""
slow = settings(
    max_examples=300,
    # the bounds are the same for every example
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
kinds = st.sampled_from(sorted(p.GUEST_KINDS))
ids = st.sampled_from([0, 1, 2, 2**32 - 1])
messages = st.lists(st.tuples(kinds, ids, st.binary(max_size=MESSAGE)), max_size=6)


@pytest.fixture(autouse=True)
def _small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(p, "FRAME_BYTES", FRAME)
    monkeypatch.setattr(p, "MESSAGE_BYTES", MESSAGE)


def written(said: list[tuple[int, int, bytes]]) -> bytes:
    """Write messages as their frames."""
    return b"".join(frame for message in said for frame in p.frames(*message))


def read(stream: bytes, cuts: list[int]) -> tuple[list[tuple[int, int, bytes]], str | None, int]:
    """Read a stream in pieces: the messages, the violation that ended it, the most bytes held."""
    source = FrameReader(p.GUEST_KINDS, clock=False)
    got: list[tuple[int, int, bytes]] = []
    held = 0
    try:
        for piece in _pieces(stream, cuts):
            source.feed(piece)
            while (message := source.take()) is not None:
                got.append(message[:3])
            held = max(held, source.pending_bytes)
    except ProtocolViolation as violation:
        return got, str(violation), held
    return got, None, held


def _pieces(stream: bytes, cuts: list[int]) -> Iterator[bytes]:
    at = 0
    for size in [*cuts, len(stream)]:
        yield stream[at : at + size]
        at += size


cuts = st.lists(st.integers(1, 40), max_size=60)


@given(messages, cuts)
@slow
def test_chunked_messages_survive_any_cut(
    said: list[tuple[int, int, bytes]], cut: list[int]
) -> None:
    """Messages of many frames come out whole, however their stream is cut into reads."""
    assert read(written(said), cut)[:2] == (said, None)


@given(messages, messages, cuts, st.data())
@slow
def test_a_broken_header_ends_the_conversation(
    before: list[tuple[int, int, bytes]],
    after: list[tuple[int, int, bytes]],
    cut: list[int],
    data: st.DataObject,
) -> None:
    """What was said before a broken header is heard, and nothing of what follows it."""
    length, kind, flags, id, clock = (1, p.CALL, 0, 1, 0)
    match data.draw(st.sampled_from(["length", "kind", "flags", "clock", "more"])):
        case "length":
            length = data.draw(st.integers(FRAME + 1, 2**32 - 1))
        case "kind":
            kind = data.draw(st.integers(0, 255).filter(lambda k: k not in p.GUEST_KINDS))
        case "flags":
            flags = data.draw(st.integers(2, 255))
        case "clock":
            clock = data.draw(st.integers(1, 2**32 - 1))
        case _:
            flags, length = p.MORE, data.draw(st.integers(0, FRAME - 1))
    broken = p.HEADER.pack(length, kind, flags, id, clock)
    got, violation, _ = read(written(before) + broken + written(after), cut)
    assert got == before
    assert violation


@given(messages, st.binary(min_size=FRAME + 1, max_size=MESSAGE), cuts, st.data())
@slow
def test_a_message_inside_another_one_ends_the_conversation(
    before: list[tuple[int, int, bytes]], payload: bytes, cut: list[int], data: st.DataObject
) -> None:
    """Between the frames of one message no frame of another kind or number may stand."""
    parts = list(p.frames(p.CALL, 1, payload))
    other = data.draw(st.sampled_from([(p.CALL, 2), (p.LOG, 1), (p.DONE, 0)]))
    at = data.draw(st.integers(1, len(parts) - 1))
    parts[at:at] = p.frames(*other, data.draw(st.binary(max_size=FRAME)))
    got, violation, _ = read(written(before) + b"".join(parts), cut)
    assert (got, violation) == (before, "a message inside another one")


@given(messages, cuts, st.data())
@slow
def test_any_stream_is_read_at_a_bounded_price(
    said: list[tuple[int, int, bytes]], cut: list[int], data: st.DataObject
) -> None:
    """With bytes changed anywhere there are messages or a violation, and no more held than a message."""
    stream = bytearray(written(said))
    for _ in range(data.draw(st.integers(1, 5))):
        if stream:
            stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    got, _, held = read(bytes(stream), cut)
    assert all(kind in p.GUEST_KINDS and len(payload) <= MESSAGE for kind, _, payload in got)
    # one message, one frame with its header, and what one read brought
    assert held <= MESSAGE + FRAME + p.HEADER_BYTES + max([*cut, len(stream)])
    assert sum(len(payload) for _, _, payload in got) <= len(stream)


@given(st.binary(min_size=MESSAGE + 1, max_size=3 * MESSAGE), cuts)
@slow
def test_chunks_without_end_are_refused(payload: bytes, cut: list[int]) -> None:
    """A message that goes on and on is refused at the bound, however it arrives."""
    stream = b"".join(
        p.HEADER.pack(FRAME, p.LOG, p.MORE, 0, 0) + bytes(FRAME) for _ in range(len(payload))
    )
    got, violation, _ = read(stream, cut)
    assert (got, violation) == ([], f"a message larger than {MESSAGE} bytes")
