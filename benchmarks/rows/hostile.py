"""A wall-clock limit of one second on scripts that do all they can to outlive it."""

from __future__ import annotations

import asyncio
import time

from benchmarks.measurement import Measurement
from benchmarks.programs import children
from llmspell_core import Limits, LlmspellError, Runtime

_LIMIT_S = 1.0
_TARGET_S = 1.05
_SCRIPTS = {
    "lua": {
        "endless loop": "while true do end",
        "catches all": "while true do pcall(function() while true do error('x') end end) end",
        "slow pattern": "('a'):rep(40):find(('.-'):rep(40) .. 'b')",
        "coroutines": "while true do coroutine.wrap(function() coroutine.yield() end)() end",
        "garbage": "local t = {} while true do for i = 1, 1000 do t[i] = ('x'):rep(i) end end",
        "flood of logs": "while true do print('x') end",
        "flood of calls": "while true do util.sleep(0) end",
        "sleeps": "util.sleep(3600000)",
    },
    "javascript": {
        "endless loop": "while (true) {}",
        "catches all": "while (true) { try { while (true) { throw 1; } } catch {} }",
        "slow pattern": "/^(a+)+$/.test('a'.repeat(40) + 'b')",
        "promise jobs": "const f = async () => { while (true) await null; }; await f();",
        "garbage": "while (true) { new Array(1000).fill({}).map(() => ({})); }",
        "flood of logs": "while (true) console.log('x');",
        "flood of calls": "while (true) await util.sleep(0);",
        "never settles": "await new Promise(() => {});",
    },
}
_IN_SHORT = {"endless loop", "catches all", "slow pattern"}
_LIMITS = Limits(timeout_s=_LIMIT_S, cpu_s=None, log_bytes=1 << 40)


def measure(short: bool) -> list[Measurement]:  # noqa: FBT001 - the signature of every row
    """Measure the slowest death in each language."""
    return [asyncio.run(_measure(language, short=short)) for language in _SCRIPTS]


async def _measure(language: str, *, short: bool) -> Measurement:
    scripts = _SCRIPTS[language]
    async with Runtime(limits=_LIMITS) as runtime:
        await runtime.run("return 1", language=language)
        deaths = {
            name: await _death(runtime, language, script)
            for name, script in scripts.items()
            if not short or name in _IN_SHORT
        }
    slowest = max(deaths, key=lambda name: deaths[name])
    return Measurement(
        name=f"hostile.{language}",
        what=f"dead after a limit of {_LIMIT_S:g} s, {language}",
        value=deaths[slowest],
        control=_LIMIT_S,
        unit="s",
        target=_TARGET_S,
        bounds="value",
        note=f"the slowest of {len(deaths)}: {slowest}; the fastest: {min(deaths.values()):.3f} s",
    )


async def _death(runtime: Runtime, language: str, script: str) -> float:
    """Return the seconds from giving the script to the runtime until its process is gone."""
    await asyncio.sleep(0.1)
    before = children()
    started = time.perf_counter()
    try:
        result = await runtime.run(script, language=language)
    except LlmspellError as error:
        seconds = time.perf_counter() - started
        if error.kind == "limit" and error.details.get("limit") == "timeout":
            if not before - children():
                text = f"a worker outlived its run: {script}"
                raise RuntimeError(text) from error
            return seconds
        raise
    text = f"{script} ended by itself: {result.value!r}"
    raise RuntimeError(text)
