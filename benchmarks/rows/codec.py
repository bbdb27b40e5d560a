"""Values that go from a script to the host and back, beside msgspec between two Pythons."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from statistics import median
from typing import Any

import msgspec

from benchmarks.floor import Echo
from benchmarks.measurement import Measurement
from benchmarks.timing import interleave_async
from llmspell_core import Bridge, Runtime, method

_SCRIPTS = {
    "lua": "local v = params.value for i = 1, params.n do v = t.echo(v) end return 0",
    "javascript": "let v = params.value; for (let i = 0; i < params.n; i++) v = await t.echo(v); return 0",
}


def values() -> dict[str, Any]:
    """Make what is sent: a chat of 6 KB, rows of 50 KB, a text of 220 KB."""
    words = "the quick brown fox jumps over the lazy dog, naïvely; "
    chat = [
        {"role": ("user", "assistant")[i % 2], "content": words * (2 + i % 5)} for i in range(24)
    ]
    rows = [
        {"id": i, "name": f"item {i}", "price": i * 1.25, "tags": ["a", "b"], "sold": i % 3 == 0}
        for i in range(950)
    ]
    return {"chat": {"messages": chat}, "rows": rows, "text": words * 4000}


class Echoing(Bridge):
    """Gives back what it gets."""

    name = "t"

    @method()
    async def echo(self, value: Any) -> Any:
        """Give it back."""
        return value


def measure(short: bool) -> list[Measurement]:  # noqa: FBT001 - the signature of every row
    """Measure three values in both languages."""
    return asyncio.run(_measure(rounds=5 if short else 15))


async def _measure(rounds: int) -> list[Measurement]:
    found = []
    async with Runtime(bridges=[Echoing()]) as runtime:
        with Echo("msgpack") as echo:
            for language, script in _SCRIPTS.items():
                for name, value in values().items():
                    calls = 100 if name == "chat" else 20
                    seconds = await interleave_async(
                        {
                            "ours": partial(_ours, runtime, language, script, value, calls),
                            "control": partial(_control, echo, value, calls),
                        },
                        rounds=rounds,
                    )
                    size = len(msgspec.msgpack.encode(value))
                    ours = median(seconds["ours"])
                    found.append(
                        Measurement(
                            name=f"codec.{language}.{name}",
                            what=f"{name} of {size / 1000:.0f} KB to the host and back, {language}",
                            value=ours * 1000,
                            control=median(seconds["control"]) * 1000,
                            unit="ms",
                            note=f"{2 * size / ours / 1e6:.3g} MB/s",
                        )
                    )
    return found


async def _ours(runtime: Runtime, language: str, script: str, value: Any, calls: int) -> float:
    """Return the seconds of one call; the start of the spell, measured alone, is taken off."""
    start_s = await _spell(runtime, language, script, {"value": value, "n": 0})
    return (await _spell(runtime, language, script, {"value": value, "n": calls}) - start_s) / calls


async def _spell(runtime: Runtime, language: str, script: str, params: dict[str, Any]) -> float:
    await asyncio.sleep(0.05)
    started = time.perf_counter()
    await runtime.run(script, params, language=language)
    return time.perf_counter() - started


async def _control(echo: Echo, value: Any, calls: int) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        await echo.ask_value(value)
    return (time.perf_counter() - started) / calls
