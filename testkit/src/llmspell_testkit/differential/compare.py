"""Running one program in several engines, and demanding one outcome of all of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, settings

from llmspell_core.engine import EngineConfig
from llmspell_core.errors import LlmspellError
from llmspell_core.session import Session
from llmspell_core.values import plain
from llmspell_testkit.assertions import outcome_differences
from llmspell_testkit.differential.javascript import JavaScriptWriter
from llmspell_testkit.differential.lua import LuaWriter
from llmspell_testkit.differential.reference import ReferenceEngine
from llmspell_testkit.differential.toml import case_text
from llmspell_testkit.host import Outcome
from llmspell_testkit.probe import ContractBridge
from llmspell_testkit.tagged import differences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from hypothesis.strategies import SearchStrategy

    from llmspell_core.engine import ScriptEngine
    from llmspell_testkit.differential.program import Program
    from llmspell_testkit.differential.writer import Writer

WRITERS: dict[str, Writer] = {"lua": LuaWriter(), "javascript": JavaScriptWriter()}
"""The languages that the testkit itself writes programs in, by engine name."""
DEADLINE_S = 20.0
"""How long one program may take in one engine."""


class Comparing:
    """Holds engines for many programs; use it as a context manager.

    `writers` say how programs are written for engines besides Lua and JavaScript. What is right is
    what `ReferenceEngine` does, which interprets the program itself.
    """

    def __init__(
        self,
        engines: Sequence[type[ScriptEngine]],
        *,
        writers: Mapping[str, Writer] | None = None,
        config: EngineConfig | None = None,
    ) -> None:
        """Start nothing yet."""
        self._classes = list(engines)
        self.writers = {**WRITERS, **(writers or {})}
        self._config = config or EngineConfig()
        self._engines: list[ScriptEngine] = []
        self._reference = ReferenceEngine(EngineConfig(isolation="inproc"))

    def __enter__(self) -> Self:
        """Start the engines, on an event loop of their own."""
        self._runner = asyncio.Runner()
        self._engines = [self._runner.run(engine.create(self._config)) for engine in self._classes]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close them."""
        with self._runner:
            for engine in self._engines:
                self._runner.run(engine.close())

    @property
    def nouns(self) -> frozenset[str]:
        """What all of the engines claim: programs need no more."""
        return frozenset.intersection(*(engine.nouns for engine in self._engines))

    def hold(
        self,
        programs: Callable[[frozenset[str]], SearchStrategy[Program]],
        *,
        examples: int = 50,
        repeatable: bool = True,
    ) -> None:
        """Run programs that hypothesis makes; demand the same outcome of every engine.

        `examples` is how many; `repeatable` ones are the same each time.

        Raises:
            AssertionError: the smallest program found on which engines differ, written in each
                language, and as a case for a case file.
        """

        @settings(
            max_examples=examples,
            derandomize=repeatable,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
            print_blob=False,
        )
        @given(programs(self.nouns))
        def check(program: Program) -> None:
            found = self.differences(program)
            if found:
                raise AssertionError(found)

        check()

    def run(self, engine: str, program: Program) -> Outcome:
        """Run one program in one of the engines."""
        found = next(it for it in self._engines if it.name == engine)
        return self._run(found, program, self.writers[engine].program(program))

    def differences(self, program: Program) -> str | None:
        """Run one program; return the report of what differs, or None."""
        right = self._run(self._reference, program, "")
        for engine in self._engines:
            source = self.writers[engine.name].program(program)
            got = self._run(engine, program, source)
            found = list(_differences(program, right, got))
            if found:
                return self._report(engine.name, program, right, found)
        return None

    def _report(self, engine: str, program: Program, right: Outcome, found: list[str]) -> str:
        names = dict.fromkeys([*(it.name for it in self._engines), *self.writers])
        sources = {name: self.writers[name].program(program) for name in names}
        shown = "\n".join(f"  {difference}" for difference in found)
        return (
            f"{engine} differs (right ≠ got):\n{shown}\n\n"
            f"as a case, for a file of cases:\n\n{case_text(program, sources, right)}"
        )

    def _run(self, engine: ScriptEngine, program: Program, source: str) -> Outcome:
        ReferenceEngine.program.set(program)
        work = asyncio.wait_for(_outcome(engine, program, source), DEADLINE_S)
        try:
            return self._runner.run(work)
        except TimeoutError:
            return Outcome(hung=True)


async def _outcome(engine: ScriptEngine, program: Program, source: str) -> Outcome:
    outcome, probe = Outcome(), ContractBridge()
    session = Session(
        name=engine.default_name,
        bridges={probe.name: probe},
        seed=1,
        clock_ms=1_700_000_000_000,
        on_log=lambda level, text: outcome.logs.append((level, text)),
    )
    ReferenceEngine.program.set(program)  # a runner's task has a context of its own
    try:
        outcome.value = plain(await engine.execute(source, program.params, session=session))
    except LlmspellError as error:
        outcome.error = error
    except Exception as error:  # noqa: BLE001 - an engine's mistake is a finding
        outcome.error = error
    finally:
        await session.close()
    outcome.calls, outcome.counts = probe.calls, dict(probe.counts)
    return outcome


def _differences(program: Program, right: Outcome, got: Outcome) -> Iterator[str]:
    if got.hung:
        yield f"it did not end within {DEADLINE_S:g} s"
        return
    yield from outcome_differences(right, got)
    order: Any = sorted if program.concurrent else list
    yield from differences(order(right.calls), order(got.calls), "calls")
    counts = [{k: v for k, v in it.counts.items() if v} for it in (right, got)]
    yield from differences(counts[0], counts[1], "counts")
