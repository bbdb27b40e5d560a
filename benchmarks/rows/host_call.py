"""A script's call of a bridge and its answer, beside a byte that goes the same way."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from statistics import median

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
    """The smallest method there is."""

    name = "t"

    @method()
    async def next(self, n: int) -> int:
        """Count on."""
        return n + 1


def measure(short: bool) -> list[Measurement]:  # noqa: FBT001 - the signature of every row
    """Measure both languages: medians over batches of calls."""
    return asyncio.run(_measure(rounds=5 if short else 15))


async def _measure(rounds: int) -> list[Measurement]:
    found = []
    async with Runtime(bridges=[Counting()]) as runtime:
        with Echo("raw") as echo:
            for language, (script, target) in _SCRIPTS.items():
                calls = 2000 if language == "lua" else 500
                seconds = await interleave_async(
                    {
                        "ours": partial(_ours, runtime, language, script, calls),
                        "control": partial(_floor, echo, calls),
                    },
                    rounds=rounds,
                    warmups=2,
                )
                ours = [wall_s for wall_s, _ in seconds["ours"]]
                cpu_us = median(cpu_s for _, cpu_s in seconds["ours"]) * 1e6
                found.append(
                    Measurement(
                        name=f"host_call.{language}",
                        what=f"host call round trip, {language}",
                        value=median(ours) * 1e6,
                        control=median(wall_s for wall_s, _ in seconds["control"]) * 1e6,
                        unit="µs",
                        target=target,
                        bounds="value",
                        note=f"{spread(ours, 1e6, 'µs')}; host's processor time {cpu_us:.3g} µs",
                    )
                )
    return found


async def _ours(runtime: Runtime, language: str, script: str, calls: int) -> tuple[float, float]:
    """Return the wall clock time of one call, and the host's processor time, in seconds."""
    # the start of a spell is another row: it is measured with no call, and taken off
    started_s, started_cpu_s = await _spell(runtime, language, script, 0)
    wall_s, cpu_s = await _spell(runtime, language, script, calls)
    return (wall_s - started_s) / calls, (cpu_s - started_cpu_s) / calls


async def _spell(runtime: Runtime, language: str, script: str, calls: int) -> tuple[float, float]:
    await asyncio.sleep(0.05)
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    result = await runtime.run(script, {"n": calls}, language=language)
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    if result.value != calls:
        text = f"{calls} calls counted to {result.value!r}"
        raise RuntimeError(text)
    return wall_s, cpu_s


async def _floor(echo: Echo, calls: int) -> tuple[float, float]:
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    for _ in range(calls):
        await echo.ask(_FRAME)
    return (time.perf_counter() - wall_s) / calls, (time.process_time() - cpu_s) / calls
