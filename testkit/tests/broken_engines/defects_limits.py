"""Engines that ignore a limit, or what a run is given, or that share what is one run's."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any, ClassVar

from defects import defect
from snake import Run, Snake
from snake_watch import EndedError, resident

if TYPE_CHECKING:
    from llmspell_core.session import Session
    from llmspell_core.values import Value


@defect("limits-endless-waiting", "limits-endless-loop")
class NoTimeout(Run):
    """Takes no notice of the wall clock."""

    def timeout_s(self) -> float | None:
        return None


@defect("limits-endless-loop")
class PatientTimeout(Run):
    """Holds the wall clock only where the script waits."""

    def look(self) -> None:
        self.began = time.monotonic()
        super().look()


@defect("limits-cpu")
class NoCpu(Run):
    """Takes no notice of the processor time."""

    def look(self) -> None:
        self.began_cpu = time.thread_time()
        super().look()


@defect("limits-memory-list")
class NoMemory(Run):
    """Takes no notice of the memory a script takes."""

    def look_at_memory(self, most: int) -> None:
        if resident() - self.began_bytes > 4 * most:  # the tests' own memory
            raise EndedError(self.session.limits.exceeded("timeout"))


@defect("limits-log-too-long")
class NoLogLimit(Run):
    """Prints as much as the script likes."""

    def log(self, level: str, text: str) -> None:
        self.session.log(level, text[:1000])


@defect("limits-result")
class NoResultLimit(Run):
    """Returns as much as the script likes."""

    def result(self, value: Any) -> Value:
        return self.from_script(value, references=False)


@defect("test_a_cancelled_run_ends_its_calls")
class NoCancellation(Snake):
    """Goes on when nobody waits for it any more."""

    async def run_script(self, script: str, params: dict[str, Any], session: Session) -> Value:
        running = asyncio.ensure_future(super().run_script(script, params, session))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            asyncio.get_running_loop().call_later(0.05, running.cancel)
            raise


@defect("test_a_seed_repeats_a_run")
class OwnChance(Run):
    """Takes no notice of the seed."""

    def names(self, params: dict[str, Any]) -> dict[str, Any]:
        return {**super().names(params), "chance": random.random}


@defect("test_a_seed_repeats_a_run")
class NoChance(Run):
    """Gives every run the same numbers."""

    def __init__(self, engine: Snake, session: Session) -> None:
        session.seed = 1
        super().__init__(engine, session)


@defect("stdlib-util-now", "stdlib-clock-moves")
class OwnClock(Run):
    """Shows its own clock."""

    def __init__(self, engine: Snake, session: Session) -> None:
        super().__init__(engine, session)
        self.clock_ms = time.time_ns() // 1_000_000


@defect("stdlib-clock-moves")
class StoppedClock(Run):
    """Lets no time pass."""

    def names(self, params: dict[str, Any]) -> dict[str, Any]:
        made = super().names(params)
        made["util"].now = lambda: self.session.clock_ms
        return made


@defect("env-not-granted", "env-warns-once")
class SilentEnv(Run):
    """Does not say that a variable was not granted."""

    def log(self, level: str, text: str) -> None:
        if "--allow-env" not in text:
            super().log(level, text)


@defect("env-warns-once")
class NaggingEnv(Run):
    """Says each time that a variable was not granted."""

    def log(self, level: str, text: str) -> None:
        super().log(level, text)
        if "--allow-env" in text:
            self.environment._warned.clear()

    def names(self, params: dict[str, Any]) -> dict[str, Any]:
        made = super().names(params)
        self.environment = made["env"]
        return made


@defect("env-not-granted", "env-warns-once")
class LeakedEnv(Run):
    """Shows the host's own environment."""

    def names(self, params: dict[str, Any]) -> dict[str, Any]:
        self.session.env = {"HOME": "/root", **self.session.env}
        return super().names(params)


@defect("env-granted")
class LostEnv(Run):
    """Shows no environment at all, whatever is granted."""

    def names(self, params: dict[str, Any]) -> dict[str, Any]:
        self.session.env = {}
        made = super().names(params)
        made["env"]._warned.add("LANG")
        return made


@defect("stdlib-fresh-globals")
class SharedGlobals(Run):
    """Keeps what a script puts among its globals for the next one."""

    kept: ClassVar[dict[str, Any]] = {}

    def names(self, params: dict[str, Any]) -> dict[str, Any]:
        type(self).kept["leaked"] = 1
        return {**super().names(params), **self.kept}


@defect("test_many_runs_at_once")
class SharedParams(Run):
    """Keeps one set of parameters for all runs that are under way."""

    shared: ClassVar[dict[str, Any]] = {}

    async def body(self, code: Any, params: dict[str, Any]) -> Any:
        type(self).shared = params
        await asyncio.sleep(0)  # the other runs begin
        return await super().body(code, self.shared)


@defect("test_a_failure_leaves_nothing")
class KeptFailure(Snake):
    """Remembers the failure of a script, and gives it to the next one that asks."""

    failed = False

    async def run_script(self, script: str, params: dict[str, Any], session: Session) -> Value:
        try:
            value = await super().run_script(script, params, session)
        except Exception:
            self.failed = "boom" in script
            raise
        if self.failed and value == 3:
            value = None
        self.failed = False
        return value


@defect(
    "params-text",
    "params-round-trip",
    "params-seen-by-a-bridge",
    "params-types",
    "test_a_file_runs",
    "test_many_runs_at_once",
)
class LostParams(Run):
    """Gives no parameters to the script."""

    def names(self, params: dict[str, Any]) -> dict[str, Any]:
        return super().names({})


@defect("params-types")
class WholeParams(Run):
    """Cuts the fractions of parameters."""

    def names(self, params: dict[str, Any]) -> dict[str, Any]:
        cut = {k: int(v) if isinstance(v, float) else v for k, v in params.items()}
        return super().names(cut)
