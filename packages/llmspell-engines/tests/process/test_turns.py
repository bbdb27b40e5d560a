"""Floods share the event loop's turns, and leave them to others."""

from __future__ import annotations

import asyncio
import gc
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from process_helpers import Clock, Talk

from llmspell_engines.host import turns
from llmspell_engines.host.turns import TURN_S, Turns
from llmspell_engines.protocol import LOG, RESULT

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio


async def test_a_turn_is_shared_by_those_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other until the turn is over; whoever has more to do goes to the end."""
    clock = Clock()
    monkeypatch.setattr(turns, "time", clock)
    row = Turns()
    done: list[str] = []

    def work(name: str) -> None:
        clock.now_s += TURN_S / 2
        done.append(name)
        row.add(lambda: work(name))

    for name in "abc":
        row.add(lambda name=name: work(name))  # type: ignore[misc]  # its own name for each
    seen = []
    for _ in range(3):
        await asyncio.sleep(0)
        seen.append("".join(done))
    assert seen == ["ab", "abca", "abcabc"]


async def test_who_left_the_row_is_not_called() -> None:
    """A transport that was closed says nothing more, and the others still have their turn."""
    row = Turns()
    done: list[str] = []
    row.add(lambda: done.append("left")).cancel()
    row.add(lambda: done.append("stayed"))
    await asyncio.sleep(0)
    assert done == ["stayed"]


async def test_floods_leave_the_loop_to_a_quiet_spell(open_pool: Callable[..., Any]) -> None:
    """Each turn hears few of four floods' 20,000 logs, and a quiet worker's answers come between.

    Hearing a log takes this host half a turn, so what it hears in one is bounded by the turn and not
    by how fast the machine is.
    """
    floods = 4
    loop = asyncio.get_running_loop()
    heard: Counter[int] = Counter()
    turn = 0

    def count_turns() -> None:
        nonlocal turn
        turn += 1
        loop.call_soon(count_turns)

    def hear(kind: int, _id: int, _payload: bytes) -> None:
        assert kind == LOG
        heard[turn] += 1
        end = time.perf_counter() + TURN_S / 2
        while time.perf_counter() < end:
            pass

    async with open_pool() as pool:
        quiet = Talk(await pool.acquire())
        quiet.tell("say ready")
        await quiet.hear()
        count_turns()
        for _ in range(floods):
            worker = await pool.acquire()
            worker.attach(hear)
            worker.send(1, 0, b"flood 20000")
        for number in range(1, 51):
            quiet.worker.send(RESULT, number, b"echo")
            while not any(said[1] == number for said in quiet.said):
                await quiet.news()
        assert 50 < sum(heard.values()) < floods * 20_000
        # four at once from each of them, and four more in the turn that all share
        assert max(heard.values()) <= 4 * (floods + 1)


def test_a_loop_is_let_go_of() -> None:
    """A program that runs one loop after another does not keep them all."""

    async def flood() -> None:
        done = asyncio.Event()
        Turns.of(asyncio.get_running_loop()).add(done.set)
        await done.wait()

    gc.collect()
    before = len(Turns._made)
    for _ in range(5):
        asyncio.run(flood())
    gc.collect()
    assert len(Turns._made) <= before
