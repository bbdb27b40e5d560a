"""Assertions over engines: the same outcome in all of them, and a value that comes back as it went."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from llmspell_core.errors import LlmspellError
from llmspell_core.registry import installed
from llmspell_core.runtime import Runtime
from llmspell_testkit.case import Case
from llmspell_testkit.host import Outcome
from llmspell_testkit.loader import limits_of, permissions_of
from llmspell_testkit.probe import ContractBridge
from llmspell_testkit.scripts import ScriptSet
from llmspell_testkit.tagged import differences
from llmspell_testkit.verdict import problems, report

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Mapping, Sequence

    from llmspell_core.bridge import Bridge
    from llmspell_core.engine import Isolation, ScriptEngine

_ROUND_TRIP = {
    "lua": "return probe.echo(params.value)",
    "javascript": "return await probe.echo(params.value)",
}
DEADLINE_S = 60.0
"""How long the runs of one assertion may take together."""


def assert_same_in_every_engine(
    scripts: ScriptSet | Case,
    params: Mapping[str, Any] | None = None,
    *,
    bridges: Iterable[Bridge] = (),
    engines: Sequence[str | type[ScriptEngine]] | None = None,
    **options: Any,
) -> Any:
    """Run a spell in every engine and demand one outcome; return the value, or raise its error.

    `scripts` is a `ScriptSet`, or a `Case`, whose expectations must then be met too; its probe is
    there. `engines` are those that are installed, unless named (or given as classes). `options`
    are those of `Runtime.run`, such as `permissions`; limits, seed and clock are the same for all.

    Raises:
        AssertionError: it names the engines, and what differs with its types.
        LlmspellError: every engine ended with this error; kind and message agree.
    """
    work = _outcomes(scripts, params, list(bridges), engines, options)
    outcomes = run_apart(work)
    first, *others = outcomes
    if isinstance(scripts, Case):
        for name, outcome in outcomes.items():
            found = problems(scripts, outcome)
            _none(found, report(name, scripts, scripts.source[name], outcome, found))
    for name in others:
        found = list(outcome_differences(outcomes[first], outcomes[name]))
        _none(found, f"{first} and {name} differ ({first} ≠ {name}):{_listed(found)}")
    if outcomes[first].error is not None:
        raise outcomes[first].error
    return outcomes[first].value


def assert_round_trip(
    value: Any,
    *,
    engines: Sequence[str | type[ScriptEngine]] | None = None,
    sources: Mapping[str, str] | None = None,
) -> None:
    """Demand that a value is the same after it went into a script, to a bridge, back, and out.

    `sources` says how a further language writes ``return probe.echo(params.value)``.

    Raises:
        AssertionError: it names the engine, and what differs with its types.
    """
    scripts = ScriptSet(**{**_ROUND_TRIP, **(sources or {})})
    outcomes = run_apart(_outcomes(scripts, {"value": value}, [ContractBridge()], engines, {}))
    for name, outcome in outcomes.items():
        if outcome.error is not None:
            raise AssertionError(f"{name}: {outcome.error}") from outcome.error
        found = list(differences(value, outcome.value))
        text = f"{name} does not give back what it was given (gave ≠ got):{_listed(found)}"
        _none(found, text)


def _none(found: list[str], text: str) -> None:
    if found:  # raised: pytest would add the list to an `assert`, which says it already
        raise AssertionError(text)


def _listed(found: list[str]) -> str:
    return "".join(f"\n  {difference}" for difference in found)


def outcome_differences(one: Outcome, other: Outcome) -> Iterable[str]:
    """List where two outcomes differ: in value or error, and in what was printed."""
    errors = [error and [_kind(error), str(error)] for error in (one.error, other.error)]
    if any(errors):
        yield from differences(errors[0], errors[1], "error")
    else:
        yield from differences(one.value, other.value)
    logs = [[list(line) for line in outcome.logs] for outcome in (one, other)]
    yield from differences(logs[0], logs[1], "logs")


def _kind(error: BaseException) -> str:
    return error.kind if isinstance(error, LlmspellError) else type(error).__name__


def run_apart(work: Coroutine[Any, Any, Any]) -> Any:
    """Await `work` on an event loop of its own, in a thread: also where a loop runs already."""

    async def bounded() -> Any:
        async with asyncio.timeout(DEADLINE_S):
            return await work

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, bounded()).result()


async def _outcomes(
    scripts: ScriptSet | Case,
    params: Mapping[str, Any] | None,
    bridges: list[Bridge],
    engines: Sequence[str | type[ScriptEngine]] | None,
    options: dict[str, Any],
) -> dict[str, Outcome]:
    named = list(installed("llmspell.engines")) if engines is None else engines
    classes = [engine for engine in named if not isinstance(engine, str)]
    names = [engine if isinstance(engine, str) else engine.info.name for engine in named]
    if not names:
        raise AssertionError("no engine is installed: give `engines`")
    chosen = {"seed": 1, "clock_ms": 1_700_000_000_000, **options}
    if isinstance(scripts, Case):
        params = {**scripts.params, **(params or {})}
        bridges = [*bridges, ContractBridge()]
        chosen = {
            "seed": scripts.seed,
            "clock_ms": scripts.clock_ms,
            "permissions": permissions_of(scripts),
            "limits": limits_of(scripts),
            **options,
        }
    sources = scripts.source if isinstance(scripts, Case) else scripts.sources
    missing = [name for name in names if name not in sources]
    _none(missing, f"there is no source for: {', '.join(missing)}")
    isolation: Isolation = "inproc" if classes else "locked"  # a class may be a mock: one process
    found: dict[str, Outcome] = {}
    async with Runtime(engines=classes, bridges=bridges, isolation=isolation, spares=0) as runtime:
        for name in names:
            found[name] = await _outcome(runtime, sources[name], params, name, chosen)
    return found


async def _outcome(
    runtime: Runtime,
    source: str,
    params: Mapping[str, Any] | None,
    engine: str,
    options: dict[str, Any],
) -> Outcome:
    outcome = Outcome()
    log = outcome.logs.append
    try:
        result = await runtime.run(
            source, params, language=engine, on_log=lambda *line: log(line), **options
        )
        outcome.value = result.value
    except LlmspellError as error:
        outcome.error = error
    return outcome
