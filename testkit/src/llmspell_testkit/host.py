"""The engine under test: one instance and one event loop for all cases of a contract class.

`open_host` decides in which process: an engine that could hang this one gets its own.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from llmspell_core.errors import LlmspellError
from llmspell_core.session import Session
from llmspell_core.values import plain
from llmspell_testkit.deadline import DeadlineError, alarm, within
from llmspell_testkit.loader import limits_of, permissions_of
from llmspell_testkit.probe import ContractBridge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from llmspell_core.engine import EngineConfig, ScriptEngine
    from llmspell_testkit.case import Case

GRACE_S = 2.0
"""How long a cancelled case may take to end, before the engine is given up."""


class Outcome(msgspec.Struct, kw_only=True):
    """All that can be seen of one case: its value or its error, and what it did on the way.

    `left_open` names what the engine should have ended with the run: calls that still wait.
    """

    value: Any = None
    error: BaseException | None = None
    hung: bool = False
    logs: list[tuple[str, str]] = []
    calls: list[str] = []
    counts: dict[str, int] = {}
    left_open: int = 0
    duration_s: float = 0.0


class Host(Protocol):
    """What holds an engine for a class of tests: in this process, or in another."""

    config: EngineConfig

    def run(self, case: Case, source: str) -> Outcome:
        """Run one case and tell all that can be seen of it."""

    def check(self, name: str, *, deadline_s: float = 10.0, **arguments: Any) -> Any:
        """Run one of `checks.CHECKS`, and return its answer."""

    def close(self) -> None:
        """End the engine."""


def open_host(engine: type[ScriptEngine], config: EngineConfig) -> Host:
    """Choose where an engine runs its cases: here, if no script can hang it, else in a child.

    Only an engine whose scripts have processes of their own, and whose clock ends any of them, is
    believed.
    """
    from llmspell_testkit.remote import RemoteHost

    if engine.isolates and "hard_timeout" in engine(config).capabilities:
        return EngineHost(engine, config)
    return RemoteHost(engine, config)


class EngineHost:
    """Holds an engine's instance for a class of tests, and runs cases on it, in this process."""

    def __init__(self, engine: type[ScriptEngine], config: EngineConfig) -> None:
        """Start nothing yet."""
        self.engine_class = engine
        self.config = config
        self._runner = asyncio.Runner()
        self._engine: ScriptEngine | None = None

    def close(self) -> None:
        """Close the engine and the loop."""
        with self._runner:
            self._call(self._close(), GRACE_S)

    def check(self, name: str, *, deadline_s: float = 10.0, **arguments: Any) -> Any:
        """Run one of `checks.CHECKS` and return its answer.

        Raises:
            CheckError: the engine does not do what it asks.
            TimeoutError: it took longer than `deadline_s`.
        """
        from llmspell_testkit.checks import CHECKS, CheckError

        async def run() -> Any:
            return await CHECKS[name](await self._started(), **arguments)

        try:
            return self._call(run(), deadline_s)
        except (DeadlineError, TimeoutError):
            self._engine = None
            raise TimeoutError from None
        except CheckError:
            raise
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            raise CheckError(text) from error

    def run(self, case: Case, source: str) -> Outcome:
        """Run one case; an engine that hangs is thrown away, and the next case gets a new one."""
        outcome = Outcome()
        started = time.perf_counter()
        try:
            self._call(self._run(case, source, outcome), case.deadline_s)
        except (DeadlineError, TimeoutError):
            outcome.hung = True
            self._engine = None
        outcome.duration_s = time.perf_counter() - started
        return outcome

    def _call(self, work: Coroutine[Any, Any, Any], deadline_s: float) -> Any:
        with alarm(deadline_s + GRACE_S):
            return self._runner.run(within(work, deadline_s, GRACE_S))

    async def _started(self) -> ScriptEngine:
        if self._engine is None:
            self._engine = await self.engine_class.create(self.config)
        return self._engine

    async def _close(self) -> None:
        if self._engine is not None:
            engine, self._engine = self._engine, None
            await engine.close()

    async def _run(self, case: Case, source: str, outcome: Outcome) -> None:
        engine = await self._started()
        options = {
            "permissions": permissions_of(case),
            "limits": limits_of(case),
            "env": case.env,
            "includes": _includes(case, engine),
            "seed": case.seed,
            "clock_ms": case.clock_ms,
            "on_log": lambda level, text: outcome.logs.append((level, text)),
        }
        async with probing(engine, **options) as (session, probe):
            outcome.calls, outcome.counts = probe.calls, probe.counts
            await self._execute(case, source, session, outcome)
            outcome.left_open = probe.counts["waiting"]

    async def _execute(self, case: Case, source: str, session: Session, outcome: Outcome) -> None:
        engine = await self._started()
        try:
            if case.action == "validate":
                await engine.validate_syntax(source, engine.default_name)
            else:
                value = await engine.execute(source, case.params, session=session)
                outcome.value = plain(value)
        except LlmspellError as error:
            outcome.error = error
        except Exception as error:  # noqa: BLE001 - an engine's mistake is a finding, not ours
            outcome.error = error


@asynccontextmanager
async def probing(
    engine: ScriptEngine, **options: Any
) -> AsyncIterator[tuple[Session, ContractBridge]]:
    """Make the session of one run, with a probe of its own; closed on leaving."""
    probe = ContractBridge()
    session = Session(name=engine.default_name, bridges={probe.name: probe}, **options)
    try:
        yield session, probe
    finally:
        await session.close()


def _includes(case: Case, engine: ScriptEngine) -> dict[str, dict[str, str]]:
    suffix = engine.info.suffixes[0]
    return {
        name: {"name": name.replace(".", "/") + suffix, "source": source}
        for name, source in case.includes.get(engine.name, {}).items()
    }
