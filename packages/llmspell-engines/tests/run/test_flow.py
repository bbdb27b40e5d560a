"""What a worker makes the host hold: weighed, held back, and in the end refused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core import ConversionError, LimitError
from llmspell_engines import protocol as p
from llmspell_engines.codec import encode
from llmspell_engines.host.calls import (
    HELD_BYTES,
    HELD_BYTES_MAX,
    HOST_BYTES_PER_WORKER,
    NAME_CHARS,
    UNSENT_BYTES,
    Flow,
    call_parts,
)
from llmspell_engines.host.inbox import Inbox
from llmspell_engines.host.records import KNOWN_ERRORS, KNOWN_ERRORS_BYTES, KnownErrors

if TYPE_CHECKING:
    from llmspell_engines.codec import Reading

pytestmark = pytest.mark.anyio
MIB = 1 << 20
CHAINS = b"\xdd" + (3000).to_bytes(4, "big") + (b"\x91" * 60 + b"\x90") * 3000


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio."""
    return "asyncio"


class FakeWorker:
    """Knows whether it is read."""

    paused = False

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False


class Held:
    """A flow, its worker, and the errors that ended the run."""

    def __init__(self) -> None:
        self.worker = FakeWorker()
        self.errors: list[Any] = []
        self.flow = Flow(self.worker, self.errors.append)  # type: ignore[arg-type]  # a fake


def test_a_worker_is_held_back_while_its_arguments_weigh_too_much() -> None:
    """Above the bound it is not read; once enough calls were answered it is again."""
    held = Held()
    held.flow.weigh(HELD_BYTES)
    assert not held.worker.paused
    held.flow.weigh(1)
    assert held.worker.paused
    held.flow.weigh(-1)
    assert not held.worker.paused


def test_a_worker_is_read_while_its_function_is_waited_for() -> None:
    """A callback's answer stands behind the calls: holding the worker back would wait for itself."""
    held = Held()
    held.flow.weigh(HELD_BYTES + 1)
    held.flow.expect(1)
    assert not held.worker.paused
    held.flow.expect(-1)
    assert held.worker.paused


def test_a_worker_that_must_be_read_has_a_bound_twice_as_high() -> None:
    """While a callback is waited for, too many arguments end the run."""
    held = Held()
    held.flow.expect(1)
    held.flow.weigh(HELD_BYTES_MAX)
    assert not held.errors
    held.flow.weigh(1)
    (error,) = held.errors
    assert isinstance(error, LimitError)
    assert error.limit == "arguments_in_flight"


def test_after_the_end_nobody_is_held_back() -> None:
    """What it printed before it was killed is read, whatever it still holds."""
    held = Held()
    held.flow.weigh(HELD_BYTES + 1)
    held.flow.end()
    assert not held.worker.paused
    held.flow.slow(on=True)
    held.flow.weigh(1)
    assert not held.worker.paused


async def test_a_large_message_leaves_turns_to_others() -> None:
    """While 180,000 lists are judged the loop has its turns, and nothing overtakes the message."""
    held = Held()
    heard: list[int] = []
    inbox = Inbox(held.flow, lambda kind, number, reading: heard.append(number))
    inbox.receive(p.CALL, 1, CHAINS)
    turns = 0
    while not heard:
        assert held.worker.paused
        turns += 1
        await asyncio.sleep(0)
    assert turns > 40
    assert not held.worker.paused
    inbox.receive(p.CALL, 2, encode(None))
    assert heard == [1, 2]


async def test_a_log_is_two_texts_and_nothing_else() -> None:
    """A log that holds more is refused before any of it is decoded."""
    refused: list[str] = []

    def read(kind: int, number: int, reading: Reading) -> None:
        with pytest.raises(ConversionError) as caught:
            reading.value()
        refused.append(caught.value.message)

    inbox = Inbox(Held().flow, read)
    inbox.receive(p.LOG, 0, encode(["log", "x", "y"]))
    inbox.receive(p.LOG, 0, encode(["log", ["x"]]))
    assert refused == [
        "cannot convert value: more than 2 values",
        "cannot convert value at `[1]`: nested deeper than 1 levels",
    ]


def test_names_have_a_length() -> None:
    """A bridge's or a method's name of megabytes does not get into errors, logs and spans."""
    longest = "x" * NAME_CHARS
    assert call_parts([longest, longest, []])[:2] == (longest, longest)
    for call in (["x" * (NAME_CHARS + 1), "m", []], ["b", "x" * (NAME_CHARS + 1), [], 1]):
        with pytest.raises(ConversionError, match="a name of more than 256 characters"):
            call_parts(call)


def test_errors_that_are_remembered_hold_no_arguments() -> None:
    """A remembered error has no traceback, whose frames would keep its call's arguments."""

    def fail(arguments: bytes) -> None:
        try:
            _ = arguments[0] / 0
        except ZeroDivisionError as error:
            raise ConversionError("failed") from error

    known = KnownErrors()
    try:
        fail(b"\x01" * MIB)
    except ConversionError as error:
        known.add(1, error, 10)
    found = known.find(1)
    assert found is not None
    assert found.__traceback__ is None
    assert found.__cause__ is not None
    cause = found.__cause__.__traceback__
    assert cause is not None
    assert not cause.tb_frame.f_locals


def test_as_many_errors_are_remembered_as_fit() -> None:
    """The newest errors are, up to a number and a size."""
    known = KnownErrors()
    for number in range(KNOWN_ERRORS + 5):
        known.add(number, ConversionError("e"), 10)
    assert known.find(4) is None
    assert known.find(5) is not None
    known.add(5000, ConversionError("x" * MIB), KNOWN_ERRORS_BYTES - MIB)
    assert known.find(5000) is not None
    assert known.find(1004) is None
    known.add(5001, ConversionError("x" * (KNOWN_ERRORS_BYTES + 1)), 1)
    assert known.find(5001) is known.find(5000) is None


def test_the_bound_covers_what_adds_up_to_it() -> None:
    """The stated bound on a worker's memory in the host is no less than the sum of the others."""
    message = p.MESSAGE_BYTES
    decoded = 4 * message + 200_000 * 200
    coming_in = message + message + p.FRAME_BYTES
    assert HELD_BYTES_MAX + decoded + coming_in + UNSENT_BYTES + message + KNOWN_ERRORS_BYTES < (
        HOST_BYTES_PER_WORKER
    )
