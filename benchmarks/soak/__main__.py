"""``python -m benchmarks.soak [--spells 10000] [--seed N] [--at-once 8] [--json FILE]``."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import time
from collections import Counter as Tally
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.soak import census
from benchmarks.soak.fates import Fate, Soak, all_fates
from llmspell_core import EngineInfo, Limits, LlmspellError, Runtime
from llmspell_engines.host.engine import WorkerEngine
from llmspell_engines.javascript.engine import JavaScriptEngine
from llmspell_engines.lua.engine import LuaEngine

if TYPE_CHECKING:
    from llmspell_engines.host.worker import Worker

WARM_UP = 100
"""Spells before the first count: the first ones import, cache and grow."""
_ZYGOTE_EVERY = 150
"""Spells from one killed zygote to the next."""
_SHOWN = 20
running: dict[Any, Worker] = {}
"""The worker of each spell's task."""


class _Watched(WorkerEngine):
    async def _acquire(self, limits: Limits) -> Worker:
        worker = running[asyncio.current_task()] = await super()._acquire(limits)
        return worker


class _Lua(_Watched, LuaEngine):
    pass


class _JavaScript(_Watched, JavaScriptEngine):
    pass


class _Crashing(_Watched):
    info = EngineInfo(name="crashing", language="None", version="1", suffixes=(".crash",))
    guest = "benchmarks.soak.crashing:CrashingGuest"


class Soaking:
    """Runs spells of random fates, some at once, and keeps what went wrong."""

    def __init__(self, runtime: Runtime, seed: int) -> None:
        """Draw fates from `seed`."""
        self.random = random.Random(seed)  # noqa: S311 - a soak that can be repeated
        self.runtime = runtime
        self.fates = all_fates()
        self.met: Tally[str] = Tally()
        self.wrong: list[str] = []
        self.done = 0
        self.zygotes = 0
        self.engines: list[Any] = []

    async def start(self) -> None:
        """Start every engine."""
        self.engines = [await self.runtime.engine(n) for n in ("lua", "javascript", "crashing")]

    @property
    def pools(self) -> list[Any]:
        """The engines' pools."""
        return [engine._pool for engine in self.engines]  # noqa: SLF001 - a soak looks inside

    async def run(self, spells: int, at_once: int) -> None:
        """Run `spells`, `at_once` at a time, and kill a zygote now and then."""
        weights = [fate.weight for fate in self.fates]
        drawn = iter(self.random.choices(self.fates, weights, k=spells))

        async def one_after_another() -> None:
            for fate in drawn:
                await self._one(fate)
                self.done += 1
                if self.done % _ZYGOTE_EVERY == 0:
                    self._kill_a_zygote()

        await asyncio.gather(*(one_after_another() for _ in range(at_once)))

    def _kill_a_zygote(self) -> None:
        zygote = self.random.choice(self.pools)._launcher.zygote  # noqa: SLF001
        self.zygotes += not zygote.ended
        zygote.kill()

    async def _one(self, fate: Fate) -> None:
        self.met[f"{fate.language}: {fate.name}"] += 1
        number = self.random.randrange(1000)
        delay_s = self.random.random() * 0.03
        task = asyncio.ensure_future(
            self.runtime.run(fate.script, {"n": number}, language=fate.language, limits=fate.limits)
        )
        if fate.done_by:
            await self._meddle(fate.done_by, task, delay_s)
        try:
            value = (await task).value
            got: Any = value - number if isinstance(value, int) else len(value)
        except LlmspellError as error:
            got = error
        except asyncio.CancelledError:
            got = "cancelled"
        finally:
            running.pop(task, None)
        if not _right(fate, got):
            kind = getattr(got, "kind", "")
            self.wrong.append(f"{fate.language}: {fate.name}: got {kind} {got}")

    async def _meddle(self, how: str, task: asyncio.Task[Any], delay_s: float) -> None:
        while task not in running and not task.done():  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.001)
        await asyncio.sleep(delay_s)
        if how == "cancel":
            task.cancel()
        elif task in running and running[task].exit is None:
            os.kill(running[task].pid or 0, signal.SIGKILL)


def _right(fate: Fate, got: Any) -> bool:
    if not fate.kind:
        return bool(got == fate.value)
    if fate.kind == "cancelled":
        return bool(got == "cancelled")
    kinds = (fate.kind, fate.limit or None)
    if not isinstance(got, LlmspellError) or kinds != (got.kind, got.details.get("limit")):
        return False
    return fate.says in str(got)


async def soak(spells: int, seed: int, at_once: int) -> dict[str, Any]:
    """Soak a runtime, and report what it had at each rest."""
    before = (len(census.children()), census.descriptors())
    engines = (_Lua, _JavaScript, _Crashing)
    began = time.perf_counter()
    async with Runtime(engines=engines, bridges=[Soak()], limits=Limits(timeout_s=60.0)) as runtime:
        soaking = Soaking(runtime, seed)
        await soaking.start()
        await soaking.run(WARM_UP, at_once)
        counted = [(0, await census.take(runtime, soaking.pools))]
        step = max(20, spells // 40)
        done = 0
        while done < spells:
            await soaking.run(min(step, spells - done), at_once)
            done += min(step, spells - done)
            counted.append((done, await census.take(runtime, soaking.pools, counted[0][1])))
            print(f"{done:6} {counted[-1][1]}", file=sys.stderr, flush=True)
    after = (len(census.children()), census.descriptors())
    first = counted[0][1].counts()
    return {
        "spells": spells,
        "seconds": round(time.perf_counter() - began, 1),
        "zygotes_killed": soaking.zygotes,
        "met": dict(sorted(soaking.met.items())),
        "wrong": soaking.wrong,
        "leaks": [
            f"after {at} spells: {name} {first[name]} → {count}"
            for at, found in counted
            for name, count in found.counts().items()
            if count != first[name]
        ],
        "left": "" if before == after else f"processes and descriptors {before} → {after}",
        "rss_mib": [round(found.rss_bytes / 2**20, 1) for _, found in counted],
        "slope_bytes": round(census.slope_bytes([(at, c.rss_bytes) for at, c in counted]), 1),
    }


def main() -> int:
    """Soak; 1 if anything was wrong, left behind or growing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spells", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--json", type=Path, help="write the whole report here")
    given = parser.parse_args()
    report = asyncio.run(soak(given.spells, given.seed, given.at_once))
    if given.json:
        given.json.write_text(json.dumps(report, indent=1, ensure_ascii=False))
    for name in ("wrong", "leaks"):
        print(f"{name}: {len(report[name])}", *report[name][:_SHOWN], sep="\n  ")
    summary = ("spells", "seconds", "zygotes_killed", "left", "rss_mib", "slope_bytes")
    print(*(f"{name}: {report[name]}" for name in summary), sep="\n")
    # the short form is too short for a line through its memory
    grows = given.spells >= WARM_UP * 20 and report["slope_bytes"] > census.SLOPE_BYTES
    return int(bool(report["wrong"] or report["leaks"] or report["left"] or grows))


if __name__ == "__main__":
    sys.exit(main())
