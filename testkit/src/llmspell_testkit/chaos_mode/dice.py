"""Where chaos strikes: points that depend on a seed, a method and the number of its call alone."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from llmspell_core.errors import LlmspellError, NetworkError, ProviderError, RateLimitError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST_STREAM = 4
"""A stream breaks before one of its first items: few in a test have more."""


class Point(msgspec.Struct, frozen=True):
    """What happened to the call of a number, from 1, of a method: such as ``delay``."""

    where: str
    number: int
    what: str


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What will happen to one call; `break_at` is the item before which its stream breaks."""

    delay_s: float = 0.0
    failure: LlmspellError | None = None
    lost: bool = False
    break_at: int = 0


class Dice:
    """Decides the fate of each call.

    The same seed gives the same fates, in whatever order concurrent calls come: each is drawn from
    the seed, the method and how often it was called before.
    """

    def __init__(
        self, seed: int, *, delay: float, failure: float, disconnect: float, longest_delay_s: float
    ) -> None:
        """Take the seed, and how likely each is, from 0 to 1."""
        self.seed = seed
        self.delay = delay
        self.failure = failure
        self.disconnect = disconnect
        self.longest_delay_s = longest_delay_s
        self.points: list[Point] = []
        self.classes: dict[type, type] = {}  # made for these dice, by what they were made of
        self._calls: Counter[str] = Counter()

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Let nothing happen within the block."""
        chances = (self.delay, self.failure, self.disconnect)
        self.delay = self.failure = self.disconnect = 0.0
        try:
            yield
        finally:
            self.delay, self.failure, self.disconnect = chances

    def reseed(self, seed: int) -> None:
        """Begin anew, with another seed and nothing called."""
        self.seed = seed
        self.points = []
        self._calls.clear()

    def fate(self, where: str) -> Fate:
        """Draw what happens to the next call of a method, and write it down."""
        self._calls[where] += 1
        number = self._calls[where]
        chance = random.Random(f"{self.seed}/{where}/{number}")  # noqa: S311 - repeatable is the point
        # all are drawn, so that one probability changes no other's points
        draws = [chance.random() for _ in range(3)]
        delay_s = chance.uniform(0, self.longest_delay_s)
        error = chance.choice(_ERRORS)
        break_at = chance.randrange(_LONGEST_STREAM)
        happens = [draws[0] < self.delay, draws[1] < self.failure, draws[2] < self.disconnect]
        for what, happened in zip(("delay", "failure", "disconnect"), happens, strict=True):
            if happened:
                self.points.append(Point(where, number, what))
        return Fate(
            delay_s=delay_s if happens[0] else 0.0,
            failure=_failure(error, where) if happens[1] else None,
            lost=happens[2],
            break_at=break_at,
        )


_ERRORS = ("network", "rate_limit", "provider")


def _failure(kind: str, where: str) -> LlmspellError:
    if kind == "rate_limit":
        text = f"chaos: `{where}` was asked to slow down"
        return RateLimitError(text, provider="chaos", retry_after_s=0.0)
    if kind == "provider":
        text = f"chaos: `{where}` is overloaded"
        return ProviderError(text, provider="chaos", status_code=503, retryable=True)
    return NetworkError(f"chaos: `{where}` could not be reached", provider="chaos")


def disconnected(where: str) -> LlmspellError:
    """Make the error of a connection that broke before all of an answer had come."""
    return NetworkError(f"chaos: the connection of `{where}` broke", provider="chaos")
