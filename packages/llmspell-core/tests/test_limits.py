"""Limits that the session holds itself: what is printed, and callbacks under way at once."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core import Bridge, Callback, Handle, LimitError, Limits, Session, handles, method
from llmspell_core.dispatch import call
from llmspell_core.values import CallbackRef

if TYPE_CHECKING:
    from llmspell_core.values import Value

pytestmark = pytest.mark.anyio


class Swallowing(Bridge):
    """A library that catches whatever the script's functions raise."""

    name = "swallow"

    def __init__(self) -> None:
        self.calls = 0

    @method()
    async def all(self, function: Callback, times: int) -> int:
        """Call a function many times at once, and count how many failed."""
        self.calls += 1
        answers = await asyncio.gather(*(function() for _ in range(times)), return_exceptions=True)
        return sum(isinstance(answer, Exception) for answer in answers)


async def _never(_: int, args: Any) -> Value:
    await asyncio.get_running_loop().create_future()
    return None


def _printed(limit_bytes: int, *texts: str) -> tuple[list[str], Session]:
    shown: list[str] = []
    session = Session(
        limits=Limits(log_bytes=limit_bytes), on_log=lambda _, text: shown.append(text)
    )
    for text in texts:
        session.log("log", text)
    return shown, session


@pytest.mark.parametrize(("text", "limit_bytes"), [("x" * 84, 100), ("é" * 42, 100), ("", 16)])
async def test_a_print_counts_its_bytes_and_sixteen(text: str, limit_bytes: int) -> None:
    """What just fits is shown, and the next empty print is over the limit."""
    shown, session = _printed(limit_bytes, text)
    assert (shown, session.fatal) == ([text], None)
    session.log("log", "")
    assert shown == [text]
    assert isinstance(session.fatal, LimitError)
    assert (session.fatal.limit, session.fatal.value) == ("log", limit_bytes)


async def test_nothing_is_shown_beyond_the_log_limit() -> None:
    """Neither the print that was over it nor a short one after it, which alone would fit."""
    shown, _ = _printed(100, "first", "x" * 200, "", "last")
    assert shown == ["first"]


async def test_too_many_callbacks_at_once_end_the_run_though_the_library_catches_it() -> None:
    """The run is over while the library still holds what was raised, and calls are refused."""
    bridge = Swallowing()
    limits = Limits(callbacks_at_once=3)
    session = Session(bridges={bridge.name: bridge}, limits=limits)
    session.invoker = _never
    ended: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    session.on_fatal = ended.set_result
    running = asyncio.ensure_future(call(session, "swallow", "all", [CallbackRef(1, "f"), 4]))
    error = await asyncio.wait_for(ended, 10)
    assert not running.done()
    assert (error.limit, error.value, error.option) == (
        "callbacks_at_once",
        3,
        "--max-callbacks-at-once",
    )
    with pytest.raises(LimitError):
        await call(session, "swallow", "all", [CallbackRef(1, "f"), 1])
    assert bridge.calls == 1
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


class Hanging(Handle):
    """Waits for ever when it is closed."""

    def __init__(self, closing: list[str]) -> None:
        self.closing = closing

    async def close(self) -> None:
        self.closing.append("begun")
        await asyncio.sleep(0)
        self.closing.append("went on")
        await asyncio.get_running_loop().create_future()


async def test_objects_that_do_not_close_take_one_timeout_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each is told to close, the newest first; after the time of all nobody waits for another."""
    monkeypatch.setattr(handles, "CLOSE_TIMEOUT_S", 0.05)
    closing: list[str] = []
    table = handles.HandleTable(10)
    for _ in range(3):
        table.add(Hanging(closing))
    failed = await table.close()
    assert [type(error) for error in failed] == [TimeoutError] * 3
    assert closing == ["begun", "went on", "begun", "begun"]
