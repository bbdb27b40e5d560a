"""Scenarios under chaos: they end as they should or with a documented error, and leave nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core.errors import KINDS, LlmspellError
from llmspell_testkit.bridge.leaks import Held, settled, still
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
"""How long what is ending may take: a worker's process, a connection that the server has broken off."""

_LOOKS = 4
"""How often to look at what is held before chaos: once may be too early for a spare worker."""


class ChaoticWorld(World):
    """A world whose bridges know chaos, and the runs in it."""

    def __init__(self, *args: Any, **named: Any) -> None:
        """Take what `World` takes, but for `wrap`."""
        self.dice = Dice(0, delay=0.2, failure=0.1, disconnect=0.1, longest_delay_s=0.01)
        super().__init__(*args, wrap=lambda bridge: with_dice(bridge, self.dice), **named)
        self._before: Held | None = None

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
            self._before = Held()
            for scenario, engine in chosen:  # what is imported and kept from now on is no leak
                self.undisturbed(scenario, engine)
            for scenario, engine in chosen[-_LOOKS:]:
                self.undisturbed(scenario, engine)
                self._before = self._before.most(self._loop.run(self._still()))
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

    async def _still(self) -> Held:
        """Look at what is held when nothing changes any more: each engine has its spare worker."""
        self.provider.end_connections()
        return await still(_SETTLE_S)

    def _left(self, before: Held) -> Iterator[str]:
        """List what is held that was not before: tasks, threads, descriptors, and not one more.

        Connections that bridges keep for the next request, and the server's threads at their other
        ends, are ended first. The one pool that may grow is the event loop's own, of `asyncio_`
        threads, by those that are idle: it has no more than ``min(32, processors + 4)``.
        """
        self.provider.end_connections()
        more = self._loop.run(settled(before, _SETTLE_S))
        for sort, names in more.items():
            yield f"expected no more {sort} than the {before.counts()[sort]} before, got {', '.join(names)}"


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
