"""What the tests of the core share: one bridge that shows every kind of member."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest

from llmspell_core import (
    Bridge,
    Builder,
    Callback,
    CallContext,
    Handle,
    Session,
    TextRecord,
    method,
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let toy engines run in this process, as they do, unless a test asks for the warning."""
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore:scripts are kept apart from nothing"))


class Counter(Handle):
    """A host object that counts, and remembers that it was closed."""

    type_name = "counter"

    def __init__(self) -> None:
        self.count = 0
        self.closed = 0

    @method()
    async def add(self, by: int = 1) -> int:
        """Add to the count."""
        self.count += by
        return self.count

    async def close(self) -> None:
        self.closed += 1


class Plan(Builder):
    """A builder with one step."""

    name = "plan"
    steps = ("add_step",)

    def __init__(self, title: str) -> None:
        self.title = title
        self.items: list[tuple[str, Callback | None]] = []

    def add_step(self, name: str, action: Callback | None = None) -> None:
        """Record a step."""
        self.items.append((name, action))

    @method()
    async def run(self, value: int) -> dict[str, Any]:
        """Run the steps in order."""
        done = {name: await action(value) for name, action in self.items if action}
        return {"title": self.title, "done": done}


class Demo(Bridge):
    """Every kind of method."""

    name = "demo"
    builders = (Plan,)

    def __init__(self) -> None:
        self.left_early = 0
        self.counters: list[Counter] = []

    @method(example={"who": "Ada"})
    async def greet(
        self, who: Annotated[str, "Whom to greet"], *, loud: bool = False, times: int = 1
    ) -> str:
        """Greet somebody by name."""
        return f"Hello {who}" + "!" * loud * times

    @method()
    async def blob(self, data: bytes) -> int:
        """Count bytes."""
        return len(data)

    @method()
    async def names(self, names: list[str]) -> list[str]:
        """Sort names."""
        return sorted(names)

    @method()
    async def counter(self) -> Counter:
        """Make a host object."""
        self.counters.append(Counter())
        return self.counters[-1]

    @method()
    async def peek(self, counter: Counter) -> int:
        """Read a host object that the script hands back."""
        return counter.count

    @method()
    async def count(self, to: int, *, fail: bool = False) -> AsyncIterator[TextRecord]:
        """Count upwards, as a stream."""
        try:
            for number in range(to):
                yield TextRecord(str(number), {"number": number, "absent": None})
            if fail:
                text = "the source broke"
                raise ValueError(text)
        finally:
            self.left_early += 1

    @method(effects=("read",))
    async def read(self, path: str, *, ctx: CallContext) -> str:
        """Read, with permission."""
        await ctx.ask("read", path)
        return path

    @method()
    async def sneaky(self, *, ctx: CallContext) -> str:
        """Use an effect that is not declared."""
        await ctx.ask("net", "example.org")
        return "out"

    @method()
    async def crash(self) -> None:
        """Make a mistake."""
        text = "a mistake"
        raise KeyError(text)


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio."""
    return "asyncio"


@pytest.fixture
def demo() -> Demo:
    """Make a fresh bridge."""
    return Demo()


@pytest.fixture
def session(demo: Demo) -> Session:
    """Make a run with the bridge."""
    return Session(bridges={"demo": demo})
