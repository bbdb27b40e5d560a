"""What a contract asks of an engine beyond single cases: each check is named, and takes plain values.

`performance.ratio` is one that answers. They are functions of a module, so that a process of its own can run them: see `child`.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmspell_core.errors import LlmspellError, UnsupportedError
from llmspell_testkit.host import probing
from llmspell_testkit.performance import ratio
from llmspell_testkit.probe import ContractBridge
from llmspell_testkit.tagged import differences

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from llmspell_core.engine import ScriptEngine

    Check = Callable[..., Awaitable[Any]]

LIMIT_SETTERS = {
    "hard_timeout": ("set_timeout", 1.5),
    "memory_limit": ("set_memory_limit", 64 * 1024 * 1024),
}
"""Capabilities whose decline must be told: the method that refuses, and what it is called with."""


class CheckError(AssertionError):
    """An engine does not do what a check asks; the message says what it did."""


def demand(condition: object, text: str) -> None:
    """Fail with `text` unless `condition` holds.

    Raises:
        CheckError: it does not.
    """
    if not condition:
        raise CheckError(text)


def demand_same(expected: Any, got: Any, what: str) -> None:
    """Fail with the typed difference unless two values are the same.

    Raises:
        CheckError: they differ.
    """
    found = list(differences(expected, got))
    demand(not found, f"{what} (expected ≠ got): {'; '.join(found[:5])}")


async def limit(engine: ScriptEngine, *, capability: str) -> None:
    """A limit is taken where the engine claims it, and refused where it declines."""
    setter, value = LIMIT_SETTERS[capability]
    before, claimed, refused = engine.limits, capability in engine.capabilities, False
    try:
        getattr(engine, setter)(value)
    except UnsupportedError as error:
        refused = True
        named = error.capability == capability or capability in error.message
        demand(named, f"{setter}({value}) was refused without a word about {capability}: {error}")
    taken, engine.limits = engine.limits != before, before
    if claimed:
        demand(not refused, f"{setter}({value}) was refused, though {capability} is claimed")
        demand(taken, f"{setter}({value}) changed nothing, though {capability} is claimed")
    else:
        demand(refused, f"{setter}({value}) was not refused, though {capability} is declined")
        demand(not taken, f"{setter}({value}) was taken, though {capability} is declined")


async def bridge(engine: ScriptEngine, *, source: str, result: Any) -> None:
    """A registered bridge can be called, and an unregistered one is gone."""
    engine.register_bridge(ContractBridge())
    try:
        demand_same(result, await engine.execute(source), "the answer of a registered bridge")
    finally:
        engine.unregister_bridge("probe")
    try:
        value = await engine.execute(source)
    except LlmspellError:
        return
    raise CheckError(f"a bridge that was unregistered still answered: {value!r}")


async def file(engine: ScriptEngine, *, path: str, params: dict[str, Any], result: Any) -> None:
    """A file of the engine's suffix runs, with parameters."""
    demand_same(result, await engine.execute_file(path, params), "the result of a file")


async def file_name(engine: ScriptEngine, *, path: str) -> None:
    """An error in a file names that file."""
    try:
        await engine.execute_file(path)
    except LlmspellError as error:
        named = error.location.name if error.location else None
        demand_same(Path(path).name, named, "the file of an error")
        return
    raise CheckError("a file whose script fails gave a result")


async def many(engine: ScriptEngine, *, source: str) -> None:
    """Ten scripts that run at once each get their own result."""

    async def one(number: int) -> object:
        async with probing(engine) as (session, _):
            return await engine.execute(source, {"value": number}, session=session)

    got = await asyncio.gather(*(one(number) for number in range(10)))
    demand_same([f"int {number}" for number in range(10)], got, "the results of ten runs at once")


async def seed(engine: ScriptEngine, *, source: str) -> None:
    """The same seed gives the same chance, another seed another."""

    async def one(number: int) -> object:
        async with probing(engine, seed=number, clock_ms=1) as (session, _):
            return await engine.execute(source, session=session)

    first, again, other = [await one(number) for number in (7, 7, 8)]
    demand_same(first, again, "two runs of one seed")
    demand(first != other, f"another seed gave the same chance: {first!r}")


async def cancelled(engine: ScriptEngine, *, source: str) -> None:
    """Cancelling a run from outside cancels the calls it has open."""
    async with probing(engine) as (session, probe):
        running = asyncio.ensure_future(engine.execute(source, session=session))
        called = asyncio.ensure_future(probe.gates.until(lambda: probe.counts["waiting"] > 0))
        await asyncio.wait({running, called}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            called.cancel()
            demand(called.done(), f"the script ended before it called anything: {running}")
        running.cancel()
        await asyncio.wait({running})
        demand(running.cancelled(), "a run that was cancelled from outside ended as if it was not")
        waiting = probe.counts["waiting"]
        demand(waiting == 0, f"{waiting} calls were left running when the run had been cancelled")


async def after_a_failure(engine: ScriptEngine, *, failing: str, source: str, result: Any) -> None:
    """A run that failed leaves nothing to the next one, and the engine can be used."""
    async with probing(engine) as (session, _):
        with suppress(Exception):  # how it fails is a case's business
            await engine.execute(failing, session=session)
    async with probing(engine) as (session, _):
        got = await engine.execute(source, session=session)
    demand_same(result, got, "the run after a failure")


CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (limit, bridge, file, file_name, many, seed, cancelled, after_a_failure, ratio)
}
"""The checks by name."""
