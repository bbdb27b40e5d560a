"""What the probe's methods return and take: a handle that counts, a builder that plans."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from llmspell_core.bridge import Builder, Callback, Handle, method
from llmspell_core.errors import ToolError
from llmspell_testkit.seen import seen

if TYPE_CHECKING:
    from llmspell_testkit.probe import ContractBridge


class Counter(Handle):
    """A host object with methods of every kind; the probe counts those open and closed."""

    type_name = "counter"

    def __init__(self, probe: ContractBridge, start: int) -> None:
        """Begin at `start`."""
        self.probe = probe
        self.value_now = start
        probe.count("open_counters")

    @method()
    async def add(self, by: int = 1) -> int:
        """Add to the count and return it."""
        self.probe.begin("counter.add")
        self.value_now += by
        return self.value_now

    @method()
    async def value(self) -> int:
        """Return the count."""
        self.probe.begin("counter.value")
        return self.value_now

    @method()
    async def child_of(self, amount: int, *, doubled: bool = False) -> Counter:
        """Return another counter."""
        self.probe.begin("counter.child_of")
        return Counter(self.probe, self.value_now + amount * (2 if doubled else 1))

    @method()
    async def fail(self) -> None:
        """Raise a tool's error."""
        self.probe.begin("counter.fail")
        raise ToolError("the counter broke", tool="counter")

    @method()
    async def up_to(self, end: int) -> AsyncIterator[Any]:
        """Count up to `end`, as a stream."""
        self.probe.begin("counter.up_to")
        while self.value_now < end:
            self.value_now += 1
            yield self.value_now

    @method()
    async def me(self) -> Counter:
        """Return this very object."""
        return self

    async def close(self) -> None:
        """Tell the probe."""
        self.probe.count("open_counters", -1)
        self.probe.count("closed_counters")


class Plan(Builder):
    """A builder: two kinds of steps, a nested plan, and two methods that end it."""

    name = "plan"
    steps = ("add", "call", "nest")

    def __init__(self, title: str, *, retries: int = 0) -> None:
        """Begin a plan."""
        self.title = title
        self.retries = retries
        self.parts: list[tuple[str, Any]] = []

    def add(self, name: str, amount: int) -> None:
        """Record an addition."""
        self.parts.append((name, amount))

    def call(self, name: str, function: Callback) -> None:
        """Record a function of the script."""
        self.parts.append((name, function))

    def nest(self, plan: Plan) -> None:
        """Record a plan within this one."""
        self.parts.append((plan.title, plan))

    def text(self) -> str:
        """Tell what was recorded."""
        shown = (f"{name} {p.text() if isinstance(p, Plan) else seen(p)}" for name, p in self.parts)
        return f"{self.title}/{self.retries}({', '.join(shown)})"

    async def apply(self, value: Any) -> Any:
        """Do every part in order, each with what the one before gave."""
        for _, part in self.parts:
            if isinstance(part, Plan):
                value = await part.apply(value)
            elif isinstance(part, Callback):
                value = await part(value)
            else:
                value += part
        return value

    @method()
    async def run(self, value: int = 0) -> Any:
        """Run the plan on a value."""
        return await self.apply(value)

    @method()
    async def validate(self) -> str:
        """Tell what was recorded, and run nothing."""
        return self.text()

    @method()
    async def progress(self) -> AsyncIterator[Any]:
        """Give the name of each part, as a stream."""
        for name, _ in self.parts:
            yield name
