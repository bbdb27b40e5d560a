"""The runtime: composes engines, bridges, permissions, limits and budget, and runs spells."""

from __future__ import annotations

import os
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core.bridge_set import BridgeSet
from llmspell_core.budget import Budget, Ledger, Usage
from llmspell_core.engine import EngineConfig, ScriptEngine
from llmspell_core.engine_set import EngineSet
from llmspell_core.environment import granted_environment
from llmspell_core.errors import InternalError, LlmspellError
from llmspell_core.header import Header, parse_header, resolve_params
from llmspell_core.includes import to_start
from llmspell_core.limits import Limits
from llmspell_core.permissions import Permissions
from llmspell_core.redact import redactor
from llmspell_core.registry import installed
from llmspell_core.session import Session
from llmspell_core.source import Source, check_size, read_source
from llmspell_core.spell import Spell
from llmspell_core.telemetry import span
from llmspell_core.values import plain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from llmspell_core.asking import Ask
    from llmspell_core.bridge import Bridge
    from llmspell_core.engine import Isolation
    from llmspell_core.policy import Policies, Policy
    from llmspell_core.reload import LiveSpell
    from llmspell_core.session import LogSink, Recorder
    from llmspell_core.values import Value


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a run gave: its value, what it spent, and how long it took in seconds.

    `spell` is the version of the spell that ran.
    """

    value: Any
    usage: Usage
    duration_s: float
    spell: Spell

    @property
    def cost_usd(self) -> float:
        """What the run's LLM calls cost, in US dollars."""
        return self.usage.cost_usd

    @property
    def version(self) -> str:
        """The content hash of the spell that ran, with its includes."""
        return self.spell.version


class Runtime:
    """Runs spells of every installed language.

    ::

        async with Runtime() as runtime:
            result = await runtime.run_file("hello.lua", {"name": "Ada"})

    Engines and bridges come from what is installed; `engines` and `bridges` add to them or take
    their place by name. One runtime serves many runs at once; it belongs to the event loop it
    was entered in.
    """

    def __init__(
        self,
        *,
        engines: Iterable[type[ScriptEngine]] = (),
        bridges: Iterable[Bridge] = (),
        permissions: Permissions | None = None,
        limits: Limits | None = None,
        budget: Budget | None = None,
        total_budget: Budget | None = None,
        isolation: Isolation = "locked",
        require_lock: bool = False,
        spares: int = 1,
        one_shot: bool = False,
        environ: Mapping[str, str] | None = None,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        ask: Ask | None = None,
        policies: Iterable[Policy] = (),
    ) -> None:
        """Configure; nothing is started or imported before the first run.

        `permissions`, `limits` and `budget` hold for each run that does not bring its own;
        `total_budget` for all runs together, those that bring a `ledger` included (default:
        unlimited). `spares` workers are kept ready per engine; `one_shot` says that one spell
        will be run, and starts it sooner; `environ` is what grants of ``env`` pick from
        (default: the process's own); `settings` go to the bridges, by name; `ask` is asked before
        a run is refused something; `policies` narrow every run, as the installed ones do.
        """
        self.permissions = permissions or Permissions()
        self.limits = limits or Limits()
        self.budget = budget or Budget()
        self.ledger = Ledger(total_budget or Budget.unlimited(), total=True)
        self.config = EngineConfig(
            isolation=isolation,
            require_lock=require_lock,
            spares=0 if one_shot else spares,
            one_shot=one_shot,
            limits=self.limits,
        )
        self._environ = os.environ if environ is None else environ
        self._engines = EngineSet(engines, self.config)
        self._bridges = BridgeSet(bridges, settings or {})
        self._ask = ask
        self._given_policies = tuple(policies)
        self._sessions: set[Session] = set()
        self._entered = False

    @property
    def usage(self) -> Usage:
        """What all runs of this runtime have spent so far."""
        return self.ledger.usage

    def configure(self, settings: Mapping[str, Mapping[str, Any]]) -> None:
        """Replace the settings of bridges that are not open yet."""
        self._bridges.settings = settings

    async def __aenter__(self) -> Self:
        """Enter; engines and bridges start when a spell first needs them."""
        self._entered = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End what still runs, then close engines and bridges, newest first."""
        self._entered = False
        for session in list(self._sessions):
            await session.close()
        await self._engines.close()
        await self._bridges.close()

    async def run_file(
        self, path: str | Path, params: Mapping[str, Value] | None = None, **options: Any
    ) -> RunResult:
        """Run the spell in the file `path`; its suffix chooses the engine. See `run`."""
        return await self.run_spell(Spell.read(path), params, **options)

    async def run_spell(
        self,
        spell: Spell,
        params: Mapping[str, Value] | None = None,
        *,
        language: str | None = None,
        **options: Any,
    ) -> RunResult:
        """Run a spell that was read before; without a `language` its suffix chooses. See `run`."""
        if language is None:
            engine = await self.engine_for_suffix(spell.source.suffix, spell.name)
        else:
            engine = await self.engine(language)
        return await self._run(spell, engine, params, **options)

    def load(
        self, path: str | Path, on_reload: Callable[[LiveSpell], None] | None = None
    ) -> LiveSpell:
        """Follow the spell in the file `path`: use the answer with ``async with``."""
        from llmspell_core.reload import LiveSpell  # only where reloading is wanted

        return LiveSpell(self, os.fspath(path), on_reload)

    async def run(
        self,
        script: str,
        params: Mapping[str, Value] | None = None,
        *,
        language: str = "lua",
        name: str | None = None,
        **options: Any,
    ) -> RunResult:
        """Run `script` and return what it gave.

        Options, each for this run alone: `permissions`, `limits`, `ledger` (a `Ledger` over a
        `Budget`), `seed`, `clock_ms`, `on_log` (called with level and text as the spell prints),
        `recorder` (called with each crossing), `defaults` (for bridges, such as
        ``{"model": "openai/gpt-4o"}``), `stdin` (an async iterator of lines), `ask`.

        Raises:
            LlmspellError: whatever ended the spell, with its place in the script.
        """
        engine = await self.engine(language)
        source = Source(text=script, name=name or engine.default_name)
        check_size(len(script), source.name)
        return await self._run(Spell(source), engine, params, **options)

    async def validate(self, script: str, *, language: str, name: str | None = None) -> Header:
        """Parse `script` and its header, run nothing, and return the header.

        Raises:
            ScriptSyntaxError: where it does not parse.
        """
        engine = await self.engine(language)
        check_size(len(script), name or engine.default_name)
        await engine.validate_syntax(script, name)
        return parse_header(script, name or engine.default_name)

    async def validate_file(self, path: str | Path) -> Header:
        """Parse the spell in the file `path`; see `validate`."""
        source = read_source(path)
        engine = await self.engine_for_suffix(source.suffix, source.name)
        await engine.validate_syntax(source.text, source.name)
        return parse_header(source.text, source.name)

    async def _run(
        self,
        spell: Spell,
        engine: ScriptEngine,
        params: Mapping[str, Value] | None,
        *,
        permissions: Permissions | None = None,
        limits: Limits | None = None,
        ledger: Ledger | None = None,
        seed: int | None = None,
        clock_ms: int | None = None,
        on_log: LogSink | None = None,
        recorder: Recorder | None = None,
        defaults: Mapping[str, Any] | None = None,
        stdin: AsyncIterator[str] | None = None,
        ask: Ask | None = None,
    ) -> RunResult:
        if not self._entered:
            text = "the runtime is not entered: use `async with Runtime() as runtime:`"
            raise InternalError(text)
        given = resolve_params(spell.header, params or {})
        limits, budget = limits or self.limits, self.budget if ledger is None else ledger.budget
        policies = self._policies
        if policies is not None:
            limits, budget = policies.limits(limits), policies.budget(budget)
        outer = (self.ledger,) if ledger is None else (ledger, self.ledger)
        spent = Ledger(budget, within=outer)
        session = Session(
            name=spell.name,
            bridges=await self._bridges.for_spell(spell.texts),
            settings=self._bridges.settings,
            permissions=permissions or self.permissions,
            limits=limits,
            ledger=spent,
            includes=to_start(spell.includes),
            seed=seed,
            clock_ms=clock_ms,
            on_log=on_log,
            recorder=recorder,
            options=defaults,
            stdin=stdin,
            ask=ask or self._ask,
            policies=policies,
            header=spell.header,
            file=spell.source.path,
        )
        if spell.header.declared and session.asking is not None:
            await session.asking.needs()
        await self._engines.warn(engine)
        granted = session.permissions
        session.env = granted_environment(self._environ, granted, redactor=redactor)
        started = time.perf_counter()
        failed: InternalError | None = None
        value: Value = None
        self._sessions.add(session)
        try:
            with span("spell.run", {"llmspell.spell": spell.name, "llmspell.engine": engine.name}):
                value = await engine.execute(spell.source.text, given, session=session)
        except LlmspellError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever an engine raises, it is told below
            text = (
                f"{spell.name}: the engine `{engine.name}` failed: {type(error).__name__}: {error}"
            )
            failed = InternalError(text)
            failed.__cause__ = error
        finally:
            self._sessions.discard(session)
            await session.close()
        if failed is not None:
            redactor.error(failed)
            raise failed
        duration_s = time.perf_counter() - started
        return RunResult(value=plain(value), usage=spent.usage, duration_s=duration_s, spell=spell)

    @cached_property
    def _policies(self) -> Policies | None:
        if not self._given_policies and not installed("llmspell.policies"):
            return None
        from llmspell_core.policy import find_policies  # only where there are some

        return find_policies(self._given_policies)

    async def engine(self, name: str) -> ScriptEngine:
        """Return the engine of a language, started; see `EngineSet.get`."""
        return await self._engines.get(name)

    async def engine_for_suffix(self, suffix: str, file: str) -> ScriptEngine:
        """Return the engine for a suffix (with its dot), started; see `EngineSet.for_suffix`."""
        return await self._engines.for_suffix(suffix, file)

    def engine_suffixes(self) -> dict[str, str]:
        """Map every suffix that can be run to its engine's name."""
        return self._engines.suffixes()
