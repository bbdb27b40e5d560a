"""A spell in an embedding host whose worker is ready, beside a ready process with a raw engine."""

from __future__ import annotations

import asyncio
import subprocess
import time
from functools import partial
from statistics import median

from benchmarks.measurement import Measurement
from benchmarks.programs import control, environment
from benchmarks.timing import interleave_async, spread
from llmspell_core import Runtime

_SCRIPTS = {
    "lua": ("return 6 * 7", "return 6 * 7", 2.0),
    "javascript": ("return 6 * 7", "6 * 7", 4.0),
}
"""For each language: our spell, the same for the raw engine, and the target in milliseconds."""
_REST_S = {"lua": 0.02, "javascript": 0.06}
"""What an idle host leaves between two spells: time to make the next worker ready."""


def measure(short: bool) -> list[Measurement]:  # noqa: FBT001 - the signature of every row
    """Measure both languages."""
    return asyncio.run(_measure(rounds=15 if short else 60))


async def _measure(rounds: int) -> list[Measurement]:
    found = []
    async with Runtime() as runtime:
        for language, (spell, raw, target) in _SCRIPTS.items():
            seconds = await interleave_async(
                {
                    "ours": partial(_ours, runtime, language, spell),
                    "control": partial(_control, language, raw),
                },
                rounds=rounds,
                warmups=3,
            )
            ours = seconds["ours"]
            found.append(
                Measurement(
                    name=f"warm_spell.{language}",
                    what=f"warm spell in an embedding host, {language}",
                    value=median(ours) * 1000,
                    control=median(seconds["control"]) * 1000,
                    unit="ms",
                    target=target,
                    bounds="value",
                    note=spread(ours, 1000, "ms"),
                )
            )
    return found


async def _ours(runtime: Runtime, language: str, script: str) -> float:
    await asyncio.sleep(_REST_S[language])
    started = time.perf_counter()
    result = await runtime.run(script, language=language)
    seconds = time.perf_counter() - started
    _check(result.value)
    return seconds


async def _control(language: str, script: str) -> float:
    return _ask_ready_process(language, script)


def _ask_ready_process(language: str, script: str) -> float:
    """Time the question and the answer alone: the process is started and ready before."""
    with subprocess.Popen(
        control("warm_worker", language),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
    ) as process:
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        process.stdout.readline()
        time.sleep(_REST_S[language])
        started = time.perf_counter()
        process.stdin.write(script.encode())
        process.stdin.flush()
        answer = process.stdout.readline()
        seconds = time.perf_counter() - started
        process.kill()
    _check(int(answer))
    return seconds


def _check(value: object) -> None:
    if value != 42:  # noqa: PLR2004 - the answer
        text = f"6 * 7 gave {value!r}"
        raise RuntimeError(text)
