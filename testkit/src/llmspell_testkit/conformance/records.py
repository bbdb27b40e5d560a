"""What a run of the contracts found: the JSON that `llmspell conformance --json` writes."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

FORMAT = "llmspell-conformance"
FORMAT_VERSION = 1

Outcome = Literal["passed", "failed", "declined", "known"]
OUTCOMES: tuple[Outcome, ...] = ("passed", "failed", "declined", "known")


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """How many times as long as its control something took, and the most that it may take."""

    found: float
    most: float


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One case, check or test: how it ended.

    `heading` is where the contract says so (``page#anchor``); `script` is the case's source in the
    engine's language; `expected_line` and `got_line` are its lines, from 1, that an error was expected
    in and came from; `problems` are the differences, or the reason of a known failure; `declines`
    are the capabilities and traits that a declined case needs.
    """

    id: str
    topic: str
    outcome: Outcome
    heading: str = ""
    description: str = ""
    duration_s: float = 0.0
    problems: list[str] = []
    declines: list[str] = []
    script: str | None = None
    ratio: Ratio | None = None
    expected_line: int | None = None
    got_line: int | None = None

    @property
    def title(self) -> str:
        """Name it with its topic, once: ``values-int``, ``standard/define.cancelled``."""
        known = self.id.startswith(self.topic.replace("_", "-"))
        return self.id if known else f"{self.topic}/{self.id}"


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What was held to a contract: an engine at one isolation, or a bridge.

    `distribution` and `distribution_version` are what was installed; `claims` are the engine's
    capabilities as configured, `declines` those that it has not; `traits` are what its language has
    by itself, `lacks` those that it has not. A bridge whose distribution ships
    no contract is `partial`: only what its metadata shows was looked at. `fault` says why the run broke
    off, where it did: then `results` are those until there, and the subject has failed.
    """

    kind: Literal["engine", "bridge"]
    name: str
    version: str
    language: str
    isolation: str
    distribution: str
    distribution_version: str
    partial: bool = False
    claims: list[str] = []
    declines: list[str] = []
    traits: list[str] = []
    lacks: list[str] = []
    duration_s: float = 0.0
    fault: str | None = None
    results: list[Result] = []

    @property
    def title(self) -> str:
        """Name it: ``lua at locked``, ``dictionary``."""
        return f"{self.name} at {self.isolation}" if self.isolation else self.name

    def count(self, outcome: Outcome, topic: str | None = None) -> int:
        """Count the results of an outcome, in one topic or in all."""
        return sum(
            result.outcome == outcome and topic in {None, result.topic} for result in self.results
        )

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return self.fault is None and not self.count("failed")


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run; `started` is RFC 3339 in UTC, `topics` and `cases` what it was narrowed to.

    `performance` says whether the engines' ratios were asked for.
    """

    format: Literal["llmspell-conformance"] = "llmspell-conformance"
    format_version: Annotated[int, msgspec.Meta(ge=1)] = FORMAT_VERSION
    contract_version: str
    testkit_version: str
    python: str
    platform: str
    started: str
    duration_s: float
    passed: bool
    topics: list[str] = []
    cases: list[str] = []
    performance: bool = False
    subjects: list[Subject]
