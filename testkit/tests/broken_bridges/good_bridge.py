"""A bridge that keeps the contract, with a method of every kind; and how a broken one is declared."""

# ruff: noqa: RUF012 - settings of a contract are class attributes

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import msgspec

from llmspell_core import (
    Bridge,
    Builder,
    Callback,
    CallContext,
    Handle,
    NetworkError,
    ValidationError,
    method,
)
from llmspell_testkit import BridgeContract, BridgeWorld, BuilderExample, Fault, Slow


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to greet."""

    loud: bool = False
    times: int = 1


class Library:
    """What the good bridge wraps: it can be down."""

    down = False

    @classmethod
    @contextmanager
    def broken(cls, world: BridgeWorld) -> Iterator[None]:
        cls.down = True
        try:
            yield
        finally:
            cls.down = False

    @classmethod
    def ask(cls, question: str) -> str:
        if cls.down:
            raise ConnectionError("the library is down")
        return question[::-1]


class Count(Handle):
    """A number that grows."""

    type_name = "count"

    def __init__(self, value: int) -> None:
        self._value = value

    @method(example={"by": 2})
    async def add(self, by: int = 1) -> int:
        """Add to it."""
        self._value += by
        return self._value

    @method(example={})
    async def copy(self) -> Count:
        """Make another one of the same value."""
        return Count(self._value)


class Plan(Builder):
    """Sums, one after the other."""

    name = "plan"
    steps = ("add_number",)

    def __init__(self, title: str) -> None:
        self.title = title
        self.numbers: list[int] = []

    def add_number(self, number: int) -> None:
        """Add a number."""
        self.numbers.append(number)

    @method(example={"start": 1})
    async def sum_up(self, start: int = 0) -> int:
        """Sum the numbers."""
        return start + sum(self.numbers)


class GoodBridge(Bridge):
    """A bridge that keeps the contract."""

    name = "good"
    by_name = True
    builders = (Plan,)

    @method(example={"who": "Ada", "options": {"loud": True, "times": 2}})
    async def greet(
        self, who: Annotated[str, "Whom"], *, options: Options | None = None
    ) -> dict[str, Any]:
        """Greet somebody."""
        chosen = options or Options()
        return {"text": f"Hello {who}" + "!" * chosen.loud, "times": chosen.times}

    @method(example={"number": 5})
    async def double(self, number: Annotated[Any, "A number"]) -> int | float:
        """Double a number."""
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise ValidationError("bad argument `number` to `double`", argument="number")
        return number * 2

    @method(example={"start": 3})
    async def count(self, start: int = 0) -> Count:
        """Make a number that grows."""
        return Count(start)

    @method(example={"mapper": "function(x) return x end", "value": [1, None, "two"]})
    async def apply_to(self, mapper: Callback, value: Any) -> Any:
        """Call a function of the script."""
        return await mapper(value)

    @method(example={"last": 3})
    async def numbers(self, last: int) -> AsyncIterator[int]:
        """Count up to a number."""
        for number in itertools.takewhile(lambda n: n <= last, itertools.count(1)):
            yield number

    @method(effects=("read",), example={"path": "note.txt"})
    async def note(self, path: str, *, ctx: CallContext) -> str:
        """Read a note."""
        await ctx.ask("read", path)
        try:
            return await asyncio.to_thread(Path(path).read_text, encoding="utf-8")
        except (OSError, ValueError) as error:
            text = f"bad argument `path` to `note`: {error}"
            raise ValidationError(text, argument="path") from None

    @method(example={"question": "stressed"})
    async def reverse(self, question: str) -> str:
        """Ask the library."""
        try:
            return Library.ask(question)
        except ConnectionError as error:
            raise NetworkError(f"the library: {error}") from None

    @method(example={"forever": False})
    async def wait(self, *, forever: bool) -> str:
        """Wait, or not."""
        if forever:
            await asyncio.get_running_loop().create_future()
        return "done"


def note_world(folder: Path) -> BridgeWorld:
    """Put a note where the examples look for one."""
    file = folder / "note.txt"
    file.write_text("a note", encoding="utf-8")
    return BridgeWorld(stand_ins={"note.txt": str(file)})


class GoodContract(BridgeContract):
    """The contract of the good bridge."""

    bridge = GoodBridge
    builders = {"plan": BuilderExample(args={"title": "t"}, steps=[("add_number", {"number": 2})])}
    faults = {"down": Fault(method="reverse", broken=Library.broken, kind="network")}
    slow = {"wait": Slow(args={"forever": True})}


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """A bridge with one mistake: the checks that must catch it, and no others.

    `more` are settings of its contract; `around` is entered while it is checked.
    """

    bridge: type[Bridge]
    caught: set[str]
    more: dict[str, Any] = {}
    world: Callable[[Path], BridgeWorld] = lambda _: BridgeWorld()
    around: Callable[[], AbstractContextManager[Any]] = nullcontext

    def contract(self) -> type[BridgeContract]:
        """Make the bridge's contract."""
        return type("Contract", (BridgeContract,), {"bridge": self.bridge, **self.more})


BROKEN: dict[str, Broken] = {}
"""All broken bridges, by what is wrong with them."""


def broken(what: str, *caught: str, **options: Any) -> Callable[[type[Bridge]], type[Bridge]]:
    """Declare a broken bridge."""

    def register(bridge: type[Bridge]) -> type[Bridge]:
        assert what not in BROKEN
        BROKEN[what] = Broken(bridge=bridge, caught=set(caught), **options)
        return bridge

    return register
