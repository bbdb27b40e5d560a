"""A wall-clock limit of one second on scripts that do all they can to outlive it.

Alone, and beside twenty other spells that compute, print, call and wait without end. What is
measured is the time from the script's start until whoever ran it has its error: the script computes
nothing after that. How long the kernel then takes to schedule a killed process for its last time is
in the note.
"""

from __future__ import annotations

import asyncio
import resource
import time
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from benchmarks.measurement import Measurement
from benchmarks.programs import children
from llmspell_core import Bridge, Limits, LlmspellError, Runtime, method
from llmspell_engines.host.run import Run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_LIMIT_S = 1.0
_TARGET_S = 1.05
_CPU_S = 0.5
_CPU_TARGET_S = 0.55
_ROUNDS = 3
_SCRIPTS = {
    "lua": {
        "endless loop": "while true do end",
        "catches all": "while true do pcall(function() while true do error('x') end end) end",
        "slow pattern": "('a'):rep(40):find(('.-'):rep(40) .. 'b')",
        "coroutines": "while true do coroutine.wrap(function() coroutine.yield() end)() end",
        "garbage": "local t = {} while true do for i = 1, 1000 do t[i] = ('x'):rep(i) end end",
        "flood of logs": "while true do print('x') end",
        "flood of large logs": "local s = ('x'):rep(1000000) while true do print(s) end",
        "flood of calls": "while true do util.sleep(0) end",
        "64 calls at once": """
            local function again() while true do util.sleep(0) end end
            local all = {}
            for i = 1, 64 do all[i] = again end
            async.all(all)
        """,
        "large calls": """
            local list = {}
            for i = 1, 150000 do list[i] = i end
            while true do sink.take(list) end
        """,
        "sleeps": "util.sleep(3600000)",
    },
    "javascript": {
        "endless loop": "while (true) {}",
        "catches all": "while (true) { try { while (true) { throw 1; } } catch {} }",
        "slow pattern": "/^(a+)+$/.test('a'.repeat(40) + 'b')",
        "promise jobs": "const f = async () => { while (true) await null; }; await f();",
        "garbage": "while (true) { new Array(1000).fill({}).map(() => ({})); }",
        "flood of logs": "while (true) console.log('x');",
        "flood of large logs": "const s = 'x'.repeat(1e6); while (true) console.log(s);",
        "flood of calls": "while (true) await util.sleep(0);",
        "64 calls at once": """
            const again = async () => { while (true) await util.sleep(0); };
            await Promise.all(Array.from({length: 64}, again));
        """,
        "large calls": """
            const list = Array.from({length: 150000}, (_, i) => i);
            while (true) await sink.take(list);
        """,
        "never settles": "await new Promise(() => {});",
    },
}
_OTHERS = {
    "lua": (
        "while true do end",
        "while true do print('x') end",
        "while true do util.sleep(0) end",
        "while true do util.sleep(20) end",
    ),
    "javascript": (
        "while (true) {}",
        "while (true) console.log('x');",
        "while (true) await util.sleep(0);",
        "while (true) await util.sleep(20);",
    ),
}
_OTHERS_OF_A_KIND = 5
_IN_SHORT = {"endless loop", "catches all", "slow pattern"}
_UNLIMITED = Limits(timeout_s=None, cpu_s=None, log_bytes=1 << 40)
_LIMITED = Limits(timeout_s=_LIMIT_S, cpu_s=None, log_bytes=1 << 40)


def measure(short: bool) -> list[Measurement]:  # noqa: FBT001 - the signature of every row
    """Measure the slowest death in each language, alone and in company, and the use of processors."""
    return [one for language in _SCRIPTS for one in asyncio.run(_language(language, short=short))]


async def _language(language: str, *, short: bool) -> list[Measurement]:
    async with Runtime(limits=_LIMITED, bridges=[_Sink()]) as runtime:
        await runtime.run("return 1", language=language)
        alone = await _slowest(runtime, language, "alone", short=short)
        cpu = await _processor_time(runtime, language)
        async with _company(runtime, language):
            busy = await _slowest(runtime, language, "beside 20 other spells", short=short)
    return [alone, busy, cpu]


class _Sink(Bridge):
    """Takes anything."""

    name = "sink"

    @method()
    async def take(self, value: Any) -> None:
        """Take it."""


@contextmanager
def _started() -> Iterator[list[float]]:
    """Note when the next run is started: a worker may have had to be waited for before."""
    found: list[float] = []
    execute = Run.execute

    async def noted(run: Run, kind: int, payload: bytes) -> Any:
        found.append(time.perf_counter())
        return await execute(run, kind, payload)

    with patch.object(Run, "execute", noted):
        yield found


@asynccontextmanager
async def _company(runtime: Runtime, language: str) -> AsyncIterator[None]:
    """Run twenty spells that never end, and wait until each of them does."""
    others = [
        asyncio.ensure_future(runtime.run(script, language=language, limits=_UNLIMITED))
        for script in _OTHERS[language] * _OTHERS_OF_A_KIND
    ]
    await asyncio.sleep(2.0)
    try:
        yield
    finally:
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)


async def _slowest(runtime: Runtime, language: str, where: str, *, short: bool) -> Measurement:
    deaths: dict[str, list[tuple[float, float]]] = {}
    for name, script in _SCRIPTS[language].items():
        if not short or name in _IN_SHORT:
            deaths[name] = [
                await _death(runtime, language, script) for _ in range(1 if short else _ROUNDS)
            ]
    worst = {name: max(seconds for seconds, _ in found) for name, found in deaths.items()}
    slowest = max(worst, key=lambda name: worst[name])
    every = sorted(seconds for found in deaths.values() for seconds, _ in found)
    gone = max(gone for found in deaths.values() for _, gone in found)
    return Measurement(
        name=f"hostile.{language}" + ("" if where == "alone" else "_busy"),
        what=f"error after a limit of {_LIMIT_S:g} s, {language}, {where}",
        value=worst[slowest],
        control=_LIMIT_S,
        unit="s",
        target=_TARGET_S,
        bounds="value",
        note=f"the slowest of {len(every)}: {slowest}; the median {every[len(every) // 2]:.4f} s; "
        f"the process gone {1000 * gone:.1f} ms later at most",
    )


async def _death(runtime: Runtime, language: str, script: str) -> tuple[float, float]:
    """Return the seconds until the error is there, and from then until the process is gone."""
    await asyncio.sleep(0.1)
    before = children()
    try:
        with _started() as started:
            result = await runtime.run(script, language=language)
    except LlmspellError as error:
        told = time.perf_counter()
        if error.kind != "limit" or error.details.get("limit") != "timeout":
            raise
        while not before - children():
            if time.perf_counter() - told > 1.0:
                text = f"a worker outlived its run: {script}"
                raise RuntimeError(text) from error
            await asyncio.sleep(0.0005)
        return told - started[0], time.perf_counter() - told
    text = f"{script} ended by itself: {result.value!r}"
    raise RuntimeError(text)


async def _processor_time(runtime: Runtime, language: str) -> Measurement:
    """Measure what an endless loop used when its limit of processor time ended it."""
    limits = Limits(cpu_s=_CPU_S)
    used = []
    for _ in range(_ROUNDS):
        await asyncio.sleep(0.1)
        gone, before = children(), _used_by_the_dead()
        try:
            await runtime.run(_SCRIPTS[language]["endless loop"], language=language, limits=limits)
        except LlmspellError as error:
            if error.details.get("limit") != "cpu":
                raise
        while not gone - children():  # noqa: ASYNC110 - the kernel has no event for it
            await asyncio.sleep(0.001)
        used.append(_used_by_the_dead() - before)
    return Measurement(
        name=f"hostile.{language}_cpu",
        what=f"processor time used under a limit of {_CPU_S:g} s, {language}",
        value=max(used),
        control=_CPU_S,
        unit="s",
        target=_CPU_TARGET_S,
        bounds="value",
        note=f"the most of {len(used)}, the worker's start included; the least {min(used):.3f} s",
    )


def _used_by_the_dead() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
