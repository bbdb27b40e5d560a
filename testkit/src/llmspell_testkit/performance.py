"""How fast an engine is, as ratios to a control that is measured in the same run.

Subject and control take turns, and the fastest of several rounds counts, so that what else the
machine does cancels out. A ratio is compared with what the engine states for it: a slow language
is no failure, becoming ten times slower is one.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core import dispatch
from llmspell_core.session import Session
from llmspell_testkit.host import probing
from llmspell_testkit.probe import ContractBridge
from llmspell_testkit.samples import SAMPLES

if TYPE_CHECKING:
    from llmspell_core.engine import ScriptEngine

ALLOWED = 5.0
"""How much slower than stated is still noise: a tenfold slow-down is beyond it."""
ROUNDS = 5
CALLS = 300
RATIO = "contract_ratio"
"""The property of a test's report that tells the ratio, and the largest that passes."""


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One ratio: the case whose script is timed, what it is divided by, what is usual.

    `usual` is what an engine is held to that states nothing for it: a locked worker of a slow
    language. `needs` are capabilities that the script needs.
    """

    case: str
    what: str
    control: Callable[[], Awaitable[None]]
    usual: float
    net: bool = False


async def _interpreter() -> None:
    """Start Python, and nothing more."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-I", "-S", "-c", "pass")
    await process.wait()


async def _calls() -> None:
    """Make the same calls without an engine."""
    session = Session(bridges={"probe": ContractBridge()})
    for number in range(CALLS):
        await dispatch.call(session, "probe", "add", [number, number])
    await session.close()


async def _conversion() -> None:
    """Write and read the same value, about a mebibyte, as JSON, four times."""
    value = [SAMPLES["long_list"], SAMPLES["many_maps"], SAMPLES["long_text"][:900_000]]
    for _ in range(4):
        json.loads(json.dumps(value))
    await asyncio.sleep(0)


async def _sleeps() -> None:
    """Wait as long as one of the calls does."""
    await asyncio.sleep(0.05)


MEASURES: dict[str, Measure] = {
    "start": Measure(
        case="values-nothing",
        what="an empty spell, to the start of a bare Python",
        control=_interpreter,
        usual=2.0,
    ),
    "call": Measure(
        case="performance-calls",
        what=f"{CALLS} calls, to the same without an engine",
        control=_calls,
        usual=60.0,
        net=True,
    ),
    "conversion": Measure(
        case="performance-conversion",
        what="a value of a mebibyte there and back, to JSON four times",
        control=_conversion,
        usual=15.0,
        net=True,
    ),
    "in_flight": Measure(
        case="performance-in-flight",
        what="100 calls of 50 ms at once, to one of them",
        control=_sleeps,
        usual=4.0,
    ),
}
"""What is measured, by name. `net` ones are without the time that an empty spell takes."""


async def ratio(engine: ScriptEngine, *, measure: str, source: str, empty: str) -> float:
    """Measure one of `MEASURES` on an engine; `empty` is the source of an empty spell."""
    chosen = MEASURES[measure]
    subject, base, control = [], [], []
    await _run(engine, source)  # what is done once is no part of it
    for _ in range(ROUNDS):
        subject.append(await _timed(_run(engine, source)))
        base.append(await _timed(_run(engine, empty)) if chosen.net else 0.0)
        control.append(await _timed(chosen.control()))
    return max(min(subject) - min(base), 1e-6) / min(control)


async def _run(engine: ScriptEngine, source: str) -> None:
    async with probing(engine) as (session, _):
        await engine.execute(source, session=session)


async def _timed(work: Awaitable[Any]) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


def most(name: str, stated: float | None) -> float:
    """Return the largest ratio that passes, given what an engine states for it."""
    return (MEASURES[name].usual if stated is None else stated) * ALLOWED


def verdict(name: str, found: float, stated: float | None) -> str | None:
    """Say what is wrong with a ratio, given what an engine states for it; None if nothing is."""
    if found <= most(name, stated):
        return None
    usual = MEASURES[name].usual if stated is None else stated
    whose = "usual" if stated is None else "stated"
    return (
        f"{name}: {MEASURES[name].what}: {found:.2f}, more than {ALLOWED:g} times the "
        f"{whose} {usual:g}"
    )
