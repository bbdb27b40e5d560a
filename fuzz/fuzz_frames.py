"""A stream in arbitrary cuts: a value, a refusal or a violation, the same however it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fuzz.seeds import FRAME
from llmspell_core.errors import ConversionError
from llmspell_core.values import Bounds
from llmspell_engines import codec, protocol
from llmspell_engines.protocol import GUEST_KINDS, FrameReader, ProtocolViolation

if TYPE_CHECKING:
    from llmspell_core.values import Value

BOUNDS = Bounds(depth=8, nodes=300, message_bytes=4096)
"""Small, so that small inputs reach them."""
MESSAGE = 10 * FRAME
protocol.FRAME_BYTES, protocol.MESSAGE_BYTES = FRAME, MESSAGE
_BARE = 0x80
"""With this bit of the first byte the rest is one payload, without frames."""
_OURS = ("wrong shape", "64 bits")
"""What decoding may still refuse after the scan: references of ours, and nothing of msgspec's."""


def one_input(data: bytes) -> None:
    """Feed the stream after the first byte, which says how it is cut."""
    cut = data[0] if data else 0
    reader = FrameReader(GUEST_KINDS, clock=False)
    stream = data[1:]
    if cut & _BARE:
        _message(stream)
        return
    step = cut or len(stream) or 1
    try:
        for at in range(0, len(stream), step):
            reader.feed(stream[at : at + step])
            while (message := reader.take()) is not None:
                _message(message[2])
    except ProtocolViolation:
        return
    if reader.pending_bytes > MESSAGE + FRAME + step:
        raise AssertionError(f"{reader.pending_bytes} bytes held of {len(stream)}")


def _message(payload: bytes) -> None:
    for arguments in (False, True):
        at_once, sliced = (_read(payload, arguments, slices) for slices in (2000, 1))
        if at_once != sliced:
            raise AssertionError(f"{at_once} at once, {sliced} in slices")


def _read(payload: bytes, arguments: bool, values: int) -> str:  # noqa: FBT001 - a case of both
    codec.SLICE = values
    try:
        value = codec.decode(payload, arguments=arguments, bounds=BOUNDS)
    except ConversionError as error:
        said = str(error)
        of_msgspec = ": malformed: " in said and error.__cause__ is not None
        if of_msgspec and not any(words in said for words in _OURS):
            raise AssertionError(f"the scan let pass what msgspec cannot read: {said}") from None
        return said
    finally:
        codec.SLICE = 2000
    _comes_back(value)
    return repr(value)


def _comes_back(value: Value) -> None:
    again = codec.decode(codec.encode(value), arguments=True)
    if repr(again) != repr(value):
        raise AssertionError(f"{value!r} came back as {again!r}")
