"""Framing: what a hostile or broken stream does to the reader."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmspell_engines.protocol import (
    CALL,
    FRAME_BYTES,
    GUEST_KINDS,
    HEADER,
    HEADER_BYTES,
    HOST_KINDS,
    LOG,
    MESSAGE_BYTES,
    MORE,
    RESULT,
    FrameReader,
    ProtocolViolation,
    frames,
)


def reader() -> FrameReader:
    """Read what a worker says."""
    return FrameReader(GUEST_KINDS, clock=False)


def take_all(source: FrameReader) -> list[tuple[int, int, bytes, int]]:
    """Take every whole message."""
    return list(iter(source.take, None))


ids = st.integers(0, 2**32 - 1)
messages = st.lists(st.tuples(st.sampled_from(sorted(GUEST_KINDS)), ids, st.binary(max_size=300)))


@given(messages, st.lists(st.integers(1, 400)))
def test_messages_survive_any_cut(said: list[tuple[int, int, bytes]], cuts: list[int]) -> None:
    """However a stream is cut into reads, the same messages come out."""
    stream = b"".join(frame for message in said for frame in frames(*message))
    source, got, at = reader(), [], 0
    for size in [*cuts, len(stream)]:
        source.feed(stream[at : at + size])
        at += size
        got += take_all(source)
    assert [(kind, id, payload) for kind, id, payload, _ in got] == said
    assert source.pending_bytes == 0


@pytest.mark.parametrize("size", [FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, MESSAGE_BYTES])
def test_large_messages_are_chunked(size: int) -> None:
    """A message of any size up to the bound arrives whole, and no frame is over its bound."""
    payload = bytes(size)
    source = FrameReader(HOST_KINDS, clock=True)
    for frame in frames(RESULT, 7, payload, 99):
        assert len(frame) <= HEADER_BYTES + FRAME_BYTES
        source.feed(frame)
    assert take_all(source) == [(RESULT, 7, payload, 99)]


def test_a_message_over_the_bound_is_not_sent() -> None:
    """The sender refuses what the receiver would."""
    with pytest.raises(ValueError, match="larger than"):
        list(frames(RESULT, 1, bytes(MESSAGE_BYTES + 1)))


@given(st.binary(max_size=200))
def test_noise_gives_messages_or_a_violation(noise: bytes) -> None:
    """Random bytes never raise anything but ProtocolViolation."""
    source = reader()
    source.feed(noise)
    try:
        take_all(source)
    except ProtocolViolation:
        return
    assert source.pending_bytes <= len(noise)


@given(messages, st.data())
def test_a_truncated_stream_gives_a_prefix(
    said: list[tuple[int, int, bytes]], data: st.DataObject
) -> None:
    """Of a stream that ends early, the whole messages come out and nothing else."""
    stream = b"".join(frame for message in said for frame in frames(*message))
    source = reader()
    source.feed(stream[: data.draw(st.integers(0, len(stream)))])
    got = [(kind, id, payload) for kind, id, payload, _ in take_all(source)]
    assert got == said[: len(got)]


def header(length: int = 0, kind: int = CALL, flags: int = 0, id: int = 1, clock: int = 0) -> bytes:
    """Write a header, true or not."""
    return HEADER.pack(length, kind, flags, id, clock)


CHUNK = header(FRAME_BYTES, flags=MORE) + bytes(FRAME_BYTES)


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(header(kind=0), id="no such kind"),
        pytest.param(header(kind=RESULT), id="a kind of the other direction"),
        pytest.param(header(flags=2), id="an unknown flag"),
        pytest.param(header(FRAME_BYTES + 1), id="a length over the bound"),
        pytest.param(header(2**32 - 1), id="the largest length"),
        pytest.param(header(clock=1), id="a clock from a worker"),
        pytest.param(header(0, flags=MORE), id="an empty chunk"),
        pytest.param(header(FRAME_BYTES - 1, flags=MORE), id="a chunk that is not full"),
        pytest.param(CHUNK + header(id=2), id="another id inside"),
        pytest.param(CHUNK + header(kind=LOG), id="another kind inside"),
        pytest.param(CHUNK + header(0, kind=LOG, flags=MORE), id="a second one inside"),
    ],
)
def test_a_lie_is_a_violation(stream: bytes) -> None:
    """Each broken rule ends the conversation, before any payload is waited for."""
    source = reader()
    source.feed(stream)
    with pytest.raises(ProtocolViolation):
        take_all(source)


def test_an_endless_message_is_refused_at_the_bound() -> None:
    """Chunks without end are refused once they exceed a message."""
    source = reader()
    for _ in range(MESSAGE_BYTES // FRAME_BYTES):
        source.feed(CHUNK)
        assert take_all(source) == []
    source.feed(CHUNK)
    with pytest.raises(ProtocolViolation, match="larger than"):
        take_all(source)


def test_a_dripped_message_costs_its_size() -> None:
    """A frame that arrives a few bytes at a time is held as its bytes, not as an object each."""
    source = reader()
    source.feed(header(FRAME_BYTES))
    tracemalloc.start()
    try:
        for _ in range(40_000):
            source.feed(b"x")
            assert source.take() is None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert source.pending_bytes == 40_000 + HEADER_BYTES
    assert peak < 400_000
