"""Scenarios under chaos: they end as they should or with a documented error, and leave nothing."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core.errors import KINDS, LlmspellError
from llmspell_testkit.chaos_mode import Dice, with_dice
from llmspell_testkit.integration.world import World
from llmspell_testkit.tagged import differences

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from llmspell_testkit.host import Outcome
    from llmspell_testkit.integration.scenario import Scenario

DOCUMENTED = frozenset(KINDS) - {"internal"}
"""The kinds of errors that a spell may end with; `internal` is somebody's mistake."""
_SETTLE_S = 5.0
_SPARE_DESCRIPTORS = 24
"""Connections are kept for the next request: how many are open varies by a few."""


class ChaoticWorld(World):
    """A world whose bridges know chaos, and the runs in it."""

    def __init__(self, *args: Any, **named: Any) -> None:
        """Take what `World` takes, but for `wrap`."""
        self.dice = Dice(0, delay=0.2, failure=0.1, disconnect=0.1, longest_delay_s=0.01)
        super().__init__(*args, wrap=lambda bridge: with_dice(bridge, self.dice), **named)
        self._before: Counter[str] | None = None

    def undisturbed(self, scenario: Scenario, engine: str) -> Outcome:
        """Run a scenario without chaos."""
        with self.dice.resting():
            return self.run(scenario, engine)[0]

    def problems(
        self, seed: int, scenarios: Iterable[Scenario], engines: tuple[str, ...]
    ) -> Iterator[str]:
        """Run scenarios under the chaos of a seed, each in one of the languages; list what is wrong.

        Then one of them is run without chaos, to see that the host is unharmed.
        """
        turns = [(it, engines[(n + seed) % len(engines)]) for n, it in enumerate(scenarios)]
        # one without a source fails by itself, in `test_scenario`
        chosen = [(scenario, engine) for scenario, engine in turns if engine in scenario.source]
        if self._before is None:
            for scenario, engine in chosen:  # what is imported and kept from now on is no leak
                self.undisturbed(scenario, engine)
            self._before = self._census()
        for scenario, engine in chosen:
            self.dice.reseed(seed)
            outcome, _ = self.run(scenario, engine)
            for problem in outcome_problems(scenario, outcome):
                points = ", ".join(f"{p.what} of {p.where} #{p.number}" for p in self.dice.points)
                yield f"{engine}: scenario `{scenario.id}`, seed {seed}: {problem} ({points})"
        if not chosen:
            return
        scenario, engine = chosen[seed % len(chosen)]
        after = self.undisturbed(scenario, engine)
        for problem in outcome_problems(scenario, after, exactly=True):
            yield f"{engine}: scenario `{scenario.id}`, after the chaos of seed {seed}: {problem}"
        yield from self._left(self._before)

    def _left(self, before: Counter[str]) -> Iterator[str]:
        """List what is there that was not before: tasks, threads, descriptors."""
        self._runner.run(self._settled(before))
        for what, count in (self._census() - before).items():
            if what != "descriptors" or count > _SPARE_DESCRIPTORS:
                yield f"{count} more of these than before: {what}"

    async def _settled(self, before: Counter[str]) -> None:
        """Wait, not for long, for what is ending: a worker's end is seen a little later."""
        more = _tasks() - before
        ending = [task for task in asyncio.all_tasks() if f"task {_name(task)}" in more]
        if ending:
            await asyncio.wait(ending, timeout=_SETTLE_S)

    def _census(self) -> Counter[str]:
        tasks: Counter[str] = self.call(_tasks)
        names = (thread.name for thread in threading.enumerate())
        # an executor keeps its threads, and makes one when all are busy
        tasks.update(f"thread {name}" for name in names if not name.startswith(_KEPT_THREADS))
        folder = "/proc/self/fd"
        if os.path.isdir(folder):  # noqa: PTH112 - no path is made of it
            tasks["descriptors"] = len(os.listdir(folder))  # noqa: PTH208 - as above
        return tasks


_KEPT_THREADS = ("asyncio_", "ThreadPoolExecutor", "Thread-", "AnyIO worker")


def _tasks() -> Counter[str]:
    """Count the tasks of the running loop by what they run, but for the one that asks."""
    current = asyncio.current_task()
    names = (_name(task) for task in asyncio.all_tasks() if task is not current)
    return Counter(f"task {name}" for name in names)


def _name(task: asyncio.Task[Any]) -> str:
    return getattr(task.get_coro(), "__qualname__", task.get_name())


def outcome_problems(
    scenario: Scenario, outcome: Outcome, *, exactly: bool = False
) -> Iterator[str]:
    """List what is wrong with how a scenario ended: as it must, or (unless `exactly`) documented."""
    expect, error = scenario.expect, outcome.error
    if outcome.hung:
        yield f"it did not end within {scenario.deadline_s:g} s"
    elif isinstance(error, LlmspellError):
        wanted = expect.error.kinds if expect.error else []
        if (exactly and error.kind not in wanted) or error.kind not in DOCUMENTED:
            yield f"it ended with an error of kind `{error.kind}`: {error.message[:300]}"
    elif expect.result is msgspec.UNSET:
        # what it must fail of may not come, where a spell goes another way
        if exactly:
            yield "it ended without the error it must end with"
    elif exactly or not scenario.handles_failures:
        yield from differences(expect.result, outcome.value, "result")
