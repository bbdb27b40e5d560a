"""A script's call of a bridge and its answer, beside a byte that goes the same way."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from statistics import fmean, median

from benchmarks.floor import Echo
from benchmarks.measurement import Measurement
from benchmarks.timing import interleave_async, spread
from llmspell_core import Bridge, Runtime, method

_SCRIPTS = {
    "lua": ("local n = 0 for i = 1, params.n do n = t.next(n) end return n", 50.0),
    "javascript": (
        "let n = 0; for (let i = 0; i < params.n; i++) n = await t.next(n); return n",
        400.0,
    ),
}
"""For each language: a spell that makes `n` calls one after another, and the target in µs."""
_FRAME = b"x" * 28
"""As long as the frame of such a call."""


class Counting(Bridge):
    """The smallest method there is; `asked` has when it was called each time, in seconds."""

    name = "t"

    def __init__(self) -> None:
        """Start without a call."""
        self.asked: list[float] = []

    @method()
    async def next(self, n: int) -> int:
        """Count on."""
        self.asked.append(time.perf_counter())
        return n + 1


@dataclass(frozen=True, slots=True)
class Batch:
    """Calls one after another: how long each round trip took, and the host's processor time."""

    trips_s: list[float]
    cpu_s: float


def measure(short: bool) -> list[Measurement]:  # noqa: FBT001 - the signature of every row
    """Measure both languages: the median of single round trips, over all batches."""
    return asyncio.run(_measure(rounds=5 if short else 15))


async def _measure(rounds: int) -> list[Measurement]:
    found = []
    counting = Counting()
    async with Runtime(bridges=[counting]) as runtime:
        with Echo("raw") as echo:
            for language, (script, target) in _SCRIPTS.items():
                calls = 2000 if language == "lua" else 500
                batches = await interleave_async(
                    {
                        "ours": partial(_ours, runtime, counting, language, script, calls),
                        "control": partial(_floor, echo, calls),
                    },
                    rounds=rounds,
                    warmups=2,
                )
                trips_s = _trips_s(batches["ours"])
                cpu_us = median(batch.cpu_s for batch in batches["ours"]) * 1e6
                found.append(
                    Measurement(
                        name=f"host_call.{language}",
                        what=f"host call round trip, {language}",
                        value=median(trips_s) * 1e6,
                        control=median(_trips_s(batches["control"])) * 1e6,
                        unit="µs",
                        target=target,
                        bounds="value",
                        note=f"{spread(trips_s, 1e6, 'µs')}, mean {fmean(trips_s) * 1e6:.3g} µs; "
                        f"host's processor time {cpu_us:.3g} µs",
                    )
                )
    return found


def _trips_s(batches: list[Batch]) -> list[float]:
    return [trip_s for batch in batches for trip_s in batch.trips_s]


async def _ours(
    runtime: Runtime, counting: Counting, language: str, script: str, calls: int
) -> Batch:
    """Take the time from each call's arrival to the next one's: an answer's way and a call's."""
    # the start of a spell is another row: it is measured with no call, and taken off
    started_cpu_s = await _spell(runtime, language, script, 0)
    counting.asked.clear()
    cpu_s = await _spell(runtime, language, script, calls)
    trips_s = [later - sooner for sooner, later in pairwise(counting.asked)]
    return Batch(trips_s, (cpu_s - started_cpu_s) / calls)


async def _spell(runtime: Runtime, language: str, script: str, calls: int) -> float:
    """Run it, and return the host's processor time in seconds."""
    await asyncio.sleep(0.05)
    cpu_s = time.process_time()
    result = await runtime.run(script, {"n": calls}, language=language)
    cpu_s = time.process_time() - cpu_s
    if result.value != calls:
        text = f"{calls} calls counted to {result.value!r}"
        raise RuntimeError(text)
    return cpu_s


async def _floor(echo: Echo, calls: int) -> Batch:
    cpu_s = time.process_time()
    trips_s = []
    for _ in range(calls):
        asked_s = time.perf_counter()
        await echo.ask(_FRAME)
        trips_s.append(time.perf_counter() - asked_s)
    return Batch(trips_s, (time.process_time() - cpu_s) / calls)
