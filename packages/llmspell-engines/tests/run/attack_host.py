"""A host of its own that is attacked: what it holds, how long it stalls, how others fare.

Usage: python attack_host.py ATTACK SECONDS ends|goes-on; prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from llmspell_core import (
    Bridge,
    Callback,
    EngineConfig,
    EngineInfo,
    Limits,
    LlmspellError,
    Session,
    method,
)
from llmspell_engines.host.engine import WorkerEngine

CALLS = 50
"""Calls of one good spell."""


class AttackEngine(WorkerEngine):
    """Runs `attack_guest`."""

    info = EngineInfo(name="attack", language="Attack", version="1", suffixes=(".x",))
    guest = "attack_guest:AttackGuest"


class GoodEngine(WorkerEngine):
    """Runs `good_guest`."""

    info = EngineInfo(name="good", language="Good", version="1", suffixes=(".g",))
    guest = "good_guest:GoodGuest"


class Demo(Bridge):
    """What both kinds of spells call."""

    name = "demo"
    held = 0
    """Values that were given to be held, so far."""

    @method()
    async def next(self, value: int) -> int:
        """Count on."""
        return value + 1

    @method()
    async def take(self, value: Any) -> None:
        """Take anything."""

    @method()
    async def big(self) -> str:
        """Answer with a megabyte."""
        return "x" * (1 << 20)

    @method()
    async def wait(self, value: Any) -> None:
        """Hold anything until cancelled."""
        Demo.held += 1
        await asyncio.Event().wait()

    @method()
    async def lend(self, value: Any, function: Callback) -> Any:
        """Call a function while holding a value."""
        return await function(1)

    @method()
    async def gather(self, function: Callback, count: int) -> list[Any]:
        """Call a function so many times at once, and hold what it answers."""
        answers = [await function(n) for n in range(count)]
        await asyncio.Event().wait()
        return answers


class Ticker:
    """Measures how long the loop is kept from its other work."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._task = asyncio.get_running_loop().create_task(self._tick())

    async def _tick(self) -> None:
        before = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            self.longest_s = max(self.longest_s, now - before - 0.001)
            before = now

    def stop(self) -> float:
        self._task.cancel()
        return round(self.longest_s, 4)


def peak_bytes() -> int:
    """Return the most memory that this process ever had resident."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def spell(engine: WorkerEngine, source: str, timeout_s: float | None = 30.0) -> Any:
    """Run one spell; an error is returned as its kind and text."""
    limits = Limits(timeout_s=timeout_s, cpu_s=None, log_bytes=1 << 40)
    session = Session(bridges={"demo": Demo()}, name="spell", limits=limits)
    try:
        return await engine.execute(source, {"calls": CALLS}, session=session)
    except LlmspellError as error:
        return f"{error.kind}: {error}"
    finally:
        await session.close()


async def good_spells(engine: WorkerEngine, seconds: float) -> dict[str, Any]:
    """Run good spells one after another for a time, three at least; say how the loop fared.

    It is longer while an attack still makes the host hold more: on a busy machine that takes time.
    """
    ticker, started = Ticker(), time.perf_counter()
    results: list[Any] = []
    held: list[int] = []
    while len(results) < 3 or time.perf_counter() - started < seconds or held[-1] != held[-6:][0]:
        results.append(await spell(engine, ""))
        held.append(Demo.held)
    each_s = (time.perf_counter() - started) / len(results)
    right = sum(result == CALLS for result in results)
    return {
        "count": len(results),
        "right": right,
        "spell_s": round(each_s, 4),
        "stall_s": ticker.stop(),
    }


async def main(attack: str, seconds: float, *, ends: bool) -> dict[str, Any]:
    """Run good spells alone, then beside the attack, which `ends` within `seconds` or is cancelled."""
    config = EngineConfig(spares=1, isolation="process")
    async with await AttackEngine.create(config) as bad, await GoodEngine.create(config) as good:
        await spell(good, "")
        alone = await good_spells(good, seconds / 4)
        before = peak_bytes()
        attacking = asyncio.ensure_future(spell(bad, attack, seconds if ends else None))
        beside = await good_spells(good, seconds * 0.8)
        outlived = attacking.done()
        if not ends:
            attacking.cancel()
        (ended,) = await asyncio.gather(attacking, return_exceptions=True)
        after = await spell(good, "")
    return {
        "alone": alone,
        "beside": beside,
        "outlived": outlived,
        "attack": ended if isinstance(ended, str) else type(ended).__name__,
        "after": after,
        "held_bytes": peak_bytes() - before,
    }


if __name__ == "__main__":
    name, time_s, how = sys.argv[1:]
    print(json.dumps(asyncio.run(main(name, float(time_s), ends=how == "ends"))))  # noqa: T201 - a program
