"""The world of scenarios: one runtime, one server and one folder for all of a class."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core.budget import Budget, Ledger
from llmspell_core.errors import LlmspellError
from llmspell_core.registry import installed
from llmspell_core.runtime import Runtime
from llmspell_testkit.deadline import DeadlineError, alarm, within
from llmspell_testkit.host import Outcome
from llmspell_testkit.integration.scenario import at
from llmspell_testkit.integration.spans import recording_spans
from llmspell_testkit.loader import limits_of, permissions_of
from llmspell_testkit.loop import ContractLoop
from llmspell_testkit.provider import FakeProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Self

    from llmspell_core.bridge import Bridge
    from llmspell_core.engine import Isolation
    from llmspell_testkit.integration.scenario import Scenario

    Settings = Callable[[FakeProvider, Path], Mapping[str, Mapping[str, Any]]]

_CLOSE_S = 20.0
_TRIES = 100


class SideEffects(msgspec.Struct, kw_only=True):
    """What a run left in its world, as `ScenarioExpected` writes it."""

    bodies: list[dict[str, Any]] = []
    fetched: list[str] = []
    files: dict[str, str] = {}
    spans: list[str] = []
    calls: list[str] = []


class World:
    """Runs scenarios on one runtime; use it as a context manager, which ends it all.

    `settings` says how the bridges are configured to meet the server and the folder; `wrap` may
    put another bridge in the place of each (`llmspell_testkit.chaos_mode`).
    """

    def __init__(
        self,
        settings: Settings,
        *,
        bridges: Mapping[str, type[Bridge]] | None = None,
        wrap: Callable[[Bridge], Bridge] | None = None,
        isolation: Isolation = "locked",
    ) -> None:
        """Start nothing yet; `bridges` add to the installed ones."""
        self._settings = settings
        self._bridges = dict(bridges or {})
        self._wrap = wrap
        self._isolation = isolation
        self.provider = FakeProvider()
        self.folder = Path()

    def __enter__(self) -> Self:
        """Make the folder, the server, the loop and the runtime."""
        self.folder = Path(tempfile.mkdtemp(prefix="llmspell-scenarios-")).resolve()
        self.provider.__enter__()
        self._loop = ContractLoop()
        settings = self._settings(self.provider, self.folder)
        self.runtime = Runtime(
            settings=settings,
            bridges=list(self._made(settings)),
            isolation=self._isolation,
            environ={},
        )
        self._loop.run(self.runtime.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the runtime, the loop and the server, and remove the folder.

        Raises:
            AssertionError: something does not end; it is left to itself.
        """
        left = self._close()
        self.provider.__exit__(kind, error, traceback)
        shutil.rmtree(self.folder)
        if left:
            text = f"the scenarios leave what does not end: {'; '.join(left)}"
            raise AssertionError(text)

    def _close(self) -> list[str]:
        """Close the runtime and the loop; return what does not end."""
        left: list[str] = []
        try:
            with alarm(2 * _CLOSE_S):
                closing = self.runtime.__aexit__(None, None, None)
                self._loop.run(within(closing, _CLOSE_S, _CLOSE_S))
        except (DeadlineError, TimeoutError):
            left = ["the runtime"]
        with alarm(2 * _CLOSE_S):
            return [*left, *self._loop.close(_CLOSE_S / 4)]

    def _made(self, settings: Mapping[str, Mapping[str, Any]]) -> list[Bridge]:
        """Make the bridges that are given to the runtime: the further ones, or all, wrapped."""
        classes = dict(self._bridges)
        if self._wrap is not None:
            plugins = installed("llmspell.bridges")
            classes = {name: plugin.load() for name, plugin in plugins.items()} | classes
        made = [cls.from_settings(settings.get(name, {})) for name, cls in classes.items()]
        return [self._wrap(bridge) for bridge in made] if self._wrap is not None else made

    def call(self, action: Callable[[], Any]) -> Any:
        """Call something on the world's event loop, and return its answer."""

        async def run() -> Any:
            return action()

        return self._loop.run(run())

    def run(self, scenario: Scenario, engine: str) -> tuple[Outcome, SideEffects]:
        """Run one scenario in a language; a deadline that passes shows in the outcome."""
        self._prepare(scenario)
        outcome, effects = Outcome(), SideEffects()
        with recording_spans() as spans:
            self._loop.run(self._run(at(scenario, self.provider.url), engine, outcome, effects))
        effects.spans = [str(span) for span in spans]
        self._look(effects)
        outcome.calls = effects.calls
        return outcome, effects

    def _prepare(self, scenario: Scenario) -> None:
        self.provider.reset(scenario.replies, pages=scenario.pages)
        self._empty()
        for name, text in scenario.files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def _empty(self) -> None:
        """Remove what lies in the folder, also what the thread of a cancelled call still writes."""
        for _ in range(_TRIES):
            try:
                for child in self.folder.iterdir():
                    shutil.rmtree(child) if child.is_dir() else child.unlink()
            except OSError:
                time.sleep(0.02)  # no thread can be cancelled: it ends when it has written
            else:
                return
        raise AssertionError("something writes into the folder of scenarios without end")

    async def _run(
        self, scenario: Scenario, engine: str, outcome: Outcome, effects: SideEffects
    ) -> None:
        budget: dict[str, Any] = dict(scenario.budget)

        def record(event: dict[str, Any]) -> None:
            if event["event"] == "call":
                effects.calls.append(f"{event['call']} {event['outcome']}")

        running = self.runtime.run(
            scenario.source[engine],
            scenario.params,
            language=engine,
            permissions=permissions_of(scenario),
            limits=limits_of(scenario),
            ledger=Ledger(Budget(**budget)),
            seed=scenario.seed,
            clock_ms=scenario.clock_ms,
            on_log=lambda level, text: outcome.logs.append((level, text)),
            recorder=record,
        )
        try:
            outcome.value = (await asyncio.wait_for(running, scenario.deadline_s)).value
        except TimeoutError:
            outcome.hung = True
        except LlmspellError as error:
            outcome.error = error

    def _look(self, effects: SideEffects) -> None:
        for request in self.provider.requests:
            if request.path.startswith("/v1/"):
                effects.bodies.append(request.body)
            else:
                body = request.body
                text = body if isinstance(body, str) else msgspec.json.encode(body).decode()
                shown = f"{request.method} {request.path}"
                effects.fetched.append(shown if body is None else f"{shown} {text}")
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                name = path.relative_to(self.folder).as_posix()
                effects.files[name] = path.read_text(encoding="utf-8", errors="replace")
