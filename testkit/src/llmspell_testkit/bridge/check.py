"""What a check is: a rule of ``docs/contract/bridges.md``, and the coroutine that looks whether it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import msgspec

from llmspell_testkit.bridge.members import Member
from llmspell_testkit.bridge.world import Fault, Slow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from llmspell_testkit.bridge.lab import Lab

Group = Literal["standard", "type_safety", "error_handling", "methods"]
About = Literal["bridge", "method", "effect", "fault", "slow", "engine", "language"]

PAGE = "docs/contract/bridges.md"
MOST_SHOWN = 8


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What one check is made on: the bridge, one of its methods, and with what."""

    name: str
    given: Any = None
    effect: str = ""
    fault: Fault | None = None
    slow: Slow | None = None
    engine: str = ""

    @property
    def member(self) -> Member:
        """The method; only checks that are about one ask."""
        assert isinstance(self.given, Member)
        return self.given


Look: TypeAlias = "Callable[[Lab, Subject], AsyncIterator[str]]"
F = TypeVar("F", bound="Look")


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check: `heading` is the rule's on the contract's page."""

    id: str
    group: Group
    heading: str
    about: About
    look: Any
    rule: str


CHECKS: dict[str, Check] = {}
"""All checks by id, in the order in which their modules define them."""


def check(id_: str, group: Group, heading: str, about: About = "method") -> Callable[[F], F]:
    """Register an async generator as a check; it yields what is wrong, as ``expected …, got …``."""

    def register(look: F) -> F:
        assert id_ not in CHECKS, f"two checks are called {id_}"
        rule = (look.__doc__ or "").strip().splitlines()[0]
        CHECKS[id_] = Check(id=id_, group=group, heading=heading, about=about, look=look, rule=rule)
        return look

    return register


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One check on one subject; `id` is how `known_failures` call it."""

    check: Check
    subject: Subject

    @property
    def id(self) -> str:
        """Name it: ``read.unknown-argument``, ``get.fault-server-down``, ``same-metadata``."""
        parts = [self.check.id, self.subject.effect, self.subject.engine]
        name = "-".join(part for part in parts if part)
        if self.check.about in {"bridge", "language"}:
            return name
        if self.check.about in {"fault", "slow"}:
            return f"{self.subject.name}.{self.check.id}"
        return f"{self.subject.member.id}.{name}"


def report(bridge: str, trial: Trial, found: list[str]) -> str:
    """Write a failure: bridge, method, check, the contract's page, expected and got."""
    lines = [
        f"{bridge}: check `{trial.id}`",
        f"  {trial.check.rule}",
        f"  contract: {PAGE}#{trial.check.heading}",
        "",
        *(f"  {problem}" for problem in found[:MOST_SHOWN]),
    ]
    if len(found) > MOST_SHOWN:
        lines.append(f"  … and {len(found) - MOST_SHOWN} more")
    return "\n".join(lines)
