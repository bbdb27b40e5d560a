"""Comparing speeds as ratios of one run: what a machine does to all of them, it does to each."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The times of each candidate, in seconds, a number for each round."""

    times_s: dict[str, list[float]]

    def median_s(self, name: str) -> float:
        """Return the middle of a candidate's times, in seconds."""
        return statistics.median(self.times_s[name])

    def ratio(self, name: str, baseline: str) -> float:
        """Say how many times as long `name` takes as `baseline`: the middle of the rounds' ratios.

        Each round compares two times that were measured one right after the other.
        """
        pairs = zip(self.times_s[name], self.times_s[baseline], strict=True)
        return statistics.median(one / other for one, other in pairs)

    def __str__(self) -> str:
        """Show a line for each candidate."""
        rows = {name: self.median_s(name) for name in self.times_s}
        first = next(iter(rows))
        return "\n".join(
            f"{name:24} {median * 1e3:10.3f} ms {self.ratio(name, first):8.2f} x"
            for name, median in rows.items()
        )


def compare(
    candidates: Mapping[str, Callable[[], Any]], *, rounds: int = 9, warm_up: int = 1
) -> Comparison:
    """Time each candidate once a round, in an order that turns; `warm_up` rounds do not count.

    ::

        comparison = compare({"json": lambda: json.dumps(data), "ours": lambda: ours(data)})
        assert comparison.ratio("ours", "json") < 5

    Asynchronous work is timed by a candidate that runs it: ``lambda: runner.run(work())``.

    Raises:
        ValueError: there is nothing to compare.
    """
    if not candidates or rounds < 1:
        raise ValueError("compare needs a candidate and a round")
    names = list(candidates)
    times: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-warm_up, rounds):
        turn = number % len(names)
        for name in (*names[turn:], *names[:turn]):
            started = time.perf_counter()
            candidates[name]()
            took = time.perf_counter() - started
            if number >= 0:
                times[name].append(took)
    return Comparison(times_s=times)
