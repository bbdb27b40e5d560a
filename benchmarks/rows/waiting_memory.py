"""The memory of a spell that waits: its worker's share of all memory, as the kernel counts it."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from statistics import median

from benchmarks.measurement import Measurement
from benchmarks.programs import children
from llmspell_core import CancelledSpellError, Runtime

_SCRIPTS = {"lua": ("util.sleep(3600000)", 2.0), "javascript": ("await util.sleep(3600000)", 5.0)}
"""For each language: a spell that waits, and the target in megabytes."""
_START_S = 120.0
_SETTLED = 3
_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


def measure(short: bool) -> list[Measurement]:  # noqa: FBT001 - the signature of every row
    """Measure both languages; nothing where the kernel does not tell.

    Linux tells root alone: a worker gave up being looked into by others.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        return []
    return [
        Measurement(
            name=f"waiting_memory.{language}",
            what=f"memory of a waiting spell, {language}",
            value=asyncio.run(_megabytes(language, script, spells=20 if short else 100)),
            control=target,
            unit="MB",
            target=target,
            bounds="value",
            note="proportional set size, median; the control is the target",
        )
        for language, (script, target) in _SCRIPTS.items()
    ]


async def _megabytes(language: str, script: str, spells: int) -> float:
    async with Runtime() as runtime:
        waiting = [
            asyncio.ensure_future(runtime.run(script, language=language)) for _ in range(spells)
        ]
        # a zygote, and the spare that comes after the last
        async with asyncio.timeout(_START_S):
            workers = await _workers(spells + 1 + 1)
        share = median(_pss_mb(pid) for pid in workers)
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    if not all(isinstance(end, CancelledSpellError) for end in ended):
        text = f"a spell did not wait: {ended[0]!r}"
        raise RuntimeError(text)
    return share


async def _workers(count: int) -> list[int]:
    """Wait until this process has `count` children and they sit still; leave the zygote out."""
    still = 0
    pids: list[int] = []
    while still < _SETTLED:
        await asyncio.sleep(0.2)
        pids = sorted(children())
        still = still + 1 if len(pids) == count else 0
    # the first child is the zygote, the last is not running a spell: a median knows neither
    return pids


def _pss_mb(pid: int) -> float:
    """Read the proportional set size: shared pages count for each of their users in part."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    found = _PSS.search(text)
    return int(found[1]) * 1024 / 1e6 if found else 0.0
