"""Hot reload: how long after a save the new version is live, while spells run all the time."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.measurement import Measurement
from llmspell_core import Runtime

if TYPE_CHECKING:
    from llmspell_core import LiveSpell

_TARGET_S = 0.1
_RELOADS, _RELOADS_SHORT = 1000, 50


def measure(short: bool) -> list[Measurement]:  # noqa: FBT001 - the signature of every row
    """Measure the median and the slowest of many reloads; fail if a run was lost."""
    return asyncio.run(_measure(_RELOADS_SHORT if short else _RELOADS))


async def _measure(reloads: int) -> list[Measurement]:
    live_again = asyncio.Event()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "live.lua"
        file.write_text("return 0")
        async with (
            Runtime() as runtime,
            runtime.load(file, lambda _: live_again.set()) as spell,
        ):
            done = asyncio.Event()
            load = asyncio.create_task(_load(spell, done))
            delays = [
                await _reload(spell, file, number, live_again) for number in range(1, reloads + 1)
            ]
            done.set()
            runs = await load
    delays.sort()
    note = (
        f"{reloads} reloads, {runs} runs meanwhile, none lost; slowest {delays[-1] * 1000:.0f} ms"
    )
    return [
        Measurement(
            name="reload",
            what="from a save to the new version being live, p50",
            value=median(delays),
            control=_TARGET_S,
            unit="s",
            target=_TARGET_S,
            bounds="value",
            note=note,
        )
    ]


async def _load(spell: LiveSpell, done: asyncio.Event) -> int:
    """Run the spell again and again; every run must end with the number of some version."""
    runs = 0
    while not done.is_set():
        results = await asyncio.gather(*(spell.run() for _ in range(2)))
        if not all(isinstance(result.value, int) for result in results):
            text = f"a run was lost: {[result.value for result in results]}"
            raise RuntimeError(text)
        runs += len(results)
    return runs


async def _reload(spell: LiveSpell, file: Path, number: int, live_again: asyncio.Event) -> float:
    """Save a version, as editors do; return the seconds until it is the one that runs."""
    before = spell.version
    fresh = file.with_suffix(".new")
    fresh.write_text(f"return {number}")
    live_again.clear()
    started = time.perf_counter()
    fresh.replace(file)
    async with asyncio.timeout(20):
        while spell.version == before:
            await live_again.wait()
            live_again.clear()
    return time.perf_counter() - started
