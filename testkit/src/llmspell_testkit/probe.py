"""`ContractBridge`: the bridge that the contract's cases call, under the name ``probe``.

It is deterministic: what must happen at the same time meets at barriers and gates, and nothing
sleeps. It keeps the names of the calls it got, in the order they began, and counts what it
opened and closed.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec

from llmspell_core.bridge import Bridge, Callback, method
from llmspell_core.dispatch import CallContext
from llmspell_core.errors import KINDS, LlmspellError
from llmspell_core.values import TextRecord
from llmspell_testkit.gates import Gates
from llmspell_testkit.probe_objects import Counter, Plan
from llmspell_testkit.samples import SAMPLES
from llmspell_testkit.seen import seen


class Person(msgspec.Struct):
    """A record that the probe takes."""

    name: str
    age: int
    email: str | None = None


class ContractBridge(Bridge):
    """Every kind of method that the contract speaks of. One instance serves one case."""

    name = "probe"
    builders = (Plan,)

    def __init__(self) -> None:
        """Start with nothing called."""
        self.calls: list[str] = []
        self.counts: Tally[str] = Tally()
        self.gates = Gates()
        self._kept: Callback | None = None

    def begin(self, name: str) -> None:
        """Remember that a method was called."""
        self.calls.append(name)

    def count(self, what: str, by: int = 1) -> None:
        """Add to one of the probe's figures, and wake who waits for it."""
        self.counts[what] += by
        self.gates.changed()

    # -- values ---------------------------------------------------------------------------

    @method(example={"value": 1})
    async def echo(self, value: Any = None) -> Any:
        """Return what was given."""
        self.begin("echo")
        return value

    @method(example={"value": 1})
    async def seen(self, value: Any = None) -> str:
        """Tell what arrived, with its types: ``[int 1, text "a"]``."""
        self.begin("seen")
        return seen(value)

    @method(example={"name": "int_max"})
    async def sample(self, name: Annotated[str, "A name of `samples.SAMPLES`"]) -> Any:
        """Return a value made by the host."""
        self.begin("sample")
        return SAMPLES[name]

    @method(example={"a": 1, "b": 2})
    async def add(self, a: int, b: int) -> int:
        """Add two integers."""
        self.begin("add")
        return a + b

    @method(example={"value": 1})
    async def take_int(self, value: int) -> str:
        """Tell what arrived as an integer."""
        self.begin("take_int")
        return seen(value)

    @method(example={"value": 1.5})
    async def take_float(self, value: float) -> str:
        """Tell what arrived as a float."""
        self.begin("take_float")
        return seen(value)

    @method(example={"value": "a"})
    async def take_text(self, value: str) -> str:
        """Tell what arrived as a text."""
        self.begin("take_text")
        return seen(str(value))

    @method()
    async def take_bytes(self, value: bytes) -> str:
        """Tell what arrived as bytes."""
        self.begin("take_bytes")
        return seen(value)

    @method(example={"value": True})
    async def take_bool(self, value: bool) -> str:  # noqa: FBT001 - one argument, the point of it
        """Tell what arrived as a boolean."""
        self.begin("take_bool")
        return seen(value)

    @method(example={"values": [1, 2]})
    async def take_list(self, values: list[int]) -> str:
        """Tell what arrived as a list of integers."""
        self.begin("take_list")
        return seen(values)

    @method(example={"values": {"a": 1}})
    async def take_map(self, values: dict[str, int]) -> str:
        """Tell what arrived as a map of integers."""
        self.begin("take_map")
        return seen(values)

    @method(example={"person": {"name": "Ada", "age": 36}})
    async def take_record(self, person: Person) -> str:
        """Tell what arrived as a record."""
        self.begin("take_record")
        return f"{person.name} {seen(person.age)} {seen(person.email)}"

    @method(example={"first": "a"})
    async def options(
        self, first: str, second: str = "two", *, third: int = 3, fourth: bool = False
    ) -> str:
        """Tell every argument: two positional, two that can only be given by name."""
        self.begin("options")
        return f"{first} {second} {third} {seen(fourth)}"

    @method()
    async def person(self, name: str, email: str | None = None) -> Person:
        """Return a record, whose absent fields a script does not see."""
        self.begin("person")
        return Person(name=name, age=36, email=email)

    @method(example={"content": "hello"})
    async def text_record(self, content: str) -> TextRecord:
        """Return a text with fields."""
        self.begin("text_record")
        fields: dict[str, Any] = {
            "model": "probe",
            "usage": {"total_tokens": len(content)},
            "tags": ["a", "b"],
        }
        return TextRecord(content, fields)

    # -- errors and permissions -------------------------------------------------------------

    @method(example={"kind": "tool"})
    async def fail(self, kind: str, message: str = "it failed", *, fields: Any = None) -> None:
        """Raise the error of a kind."""
        self.begin("fail")
        given: dict[str, Any] = dict(fields or {})
        raise KINDS[kind](message, **given)

    @method()
    async def crash(self) -> None:
        """Make a mistake that is no error of the tree."""
        self.begin("crash")
        text = "a mistake"
        raise KeyError(text)

    @method(effects=("read",), example={"path": "notes.txt"})
    async def hidden(self, path: str, *, ctx: CallContext) -> str:
        """Do what needs the permission to read `path`."""
        ctx.require("read", path)
        self.begin("hidden")
        return f"read {path}"

    # -- time ---------------------------------------------------------------------------------

    @method()
    async def barrier(self, parties: int, name: str = "barrier") -> int:
        """Wait until `parties` calls are here, and return the place of this one, from 1."""
        self.begin("barrier")
        return await self.gates.meet(name, parties)

    @method()
    async def open_gate(self, name: str) -> None:
        """Open a gate for good."""
        self.begin("open_gate")
        self.gates.open(name)

    @method()
    async def wait_gate(self, name: str, value: Any = None) -> Any:
        """Wait for a gate to open, and return `value`."""
        self.begin("wait_gate")
        self.count("waiting")
        try:
            await self.gates.wait(name)
        except asyncio.CancelledError:
            self.count("cancelled")
            raise
        finally:
            self.count("waiting", -1)
        return value

    @method()
    async def never(self) -> None:
        """Never answer; being cancelled is counted."""
        self.begin("never")
        self.count("waiting")
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            self.count("cancelled")
            raise
        finally:
            self.count("waiting", -1)

    @method()
    async def slow(self, ms: int) -> int:
        """Answer after `ms` milliseconds, for what is about time itself."""
        self.begin("slow")
        await asyncio.sleep(ms / 1000)
        return ms

    @method(example={"what": "closed_streams", "least": 0})
    async def await_count(self, what: str, least: int) -> int:
        """Wait until one of the probe's figures is at least that, and return it."""
        await self.gates.until(lambda: self.counts[what] >= least)
        return self.counts[what]

    # -- handles, streams ---------------------------------------------------------------------

    @method()
    async def counter(self, start: int = 0) -> Counter:
        """Return a host object that counts."""
        self.begin("counter")
        return Counter(self, start)

    @method()
    async def peek(self, counter: Counter) -> int:
        """Look into a host object that the script hands back."""
        self.begin("peek")
        return counter.value_now

    @method()
    async def stream(self, n: int, *, fail_at: int | None = None) -> AsyncIterator[Any]:
        """Give the numbers from 1 to `n`, or fail instead of giving `fail_at`."""
        self.begin("stream")
        self.count("open_streams")
        try:
            for number in range(1, n + 1):
                if number == fail_at:
                    raise KINDS["network"](f"lost at {number}")
                yield number
        finally:
            self.count("open_streams", -1)
            self.count("closed_streams")

    @method()
    async def words(self, text: str) -> AsyncIterator[Any]:
        """Give the words of a text, each as a text record."""
        self.begin("words")
        for index, word in enumerate(text.split()):
            yield TextRecord(word, {"index": index})

    @method()
    async def gated(self, gates: list[str]) -> AsyncIterator[Any]:
        """Give each gate's name once it is open."""
        self.begin("gated")
        self.count("open_streams")
        try:
            for gate in gates:
                await self.gates.wait(gate)
                yield gate
        finally:
            self.count("open_streams", -1)
            self.count("closed_streams")

    # -- callbacks ----------------------------------------------------------------------------

    @method()
    async def apply(self, function: Callback, *args: Any) -> Any:
        """Call a function of the script."""
        self.begin("apply")
        return await function(*args)

    @method()
    async def apply_all(self, function: Callback, items: list[Any]) -> list[Any]:
        """Call a function of the script with each item, all at once."""
        self.begin("apply_all")
        return list(await asyncio.gather(*(function(item) for item in items)))

    @method()
    async def apply_nested(self, functions: dict[str, Any]) -> dict[str, Any]:
        """Call each function in a map, one after the other."""
        self.begin("apply_nested")
        return {name: await function(name) for name, function in functions.items()}

    @method()
    async def attempt(self, function: Callback, *args: Any) -> dict[str, Any]:
        """Call a function of the script and tell how it ended."""
        self.begin("attempt")
        try:
            return {"value": await function(*args)}
        except LlmspellError as error:
            return {"kind": error.kind, "message": error.message}

    @method()
    async def abandon(self, function: Callback, gate: str) -> str:
        """Call a function of the script, and cancel that once `gate` is open."""
        self.begin("abandon")
        task = asyncio.ensure_future(function())
        await self.gates.wait(gate)
        task.cancel()
        await asyncio.wait({task})
        return "cancelled" if task.cancelled() else "ended"

    @method()
    async def keep(self, function: Callback) -> bool:
        """Keep a function for later; tell whether it is the one kept before."""
        self.begin("keep")
        same = self._kept is not None and self._kept.id == function.id
        self._kept = function
        return same

    @method()
    async def call_kept(self, *args: Any) -> Any:
        """Call the function that was kept."""
        self.begin("call_kept")
        assert self._kept is not None
        return await self._kept(*args)

    # -- builders -----------------------------------------------------------------------------

    @method()
    async def take_plan(self, plan: Plan) -> str:
        """Tell what a builder recorded."""
        self.begin("take_plan")
        return plan.text()
