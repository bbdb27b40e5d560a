"""The probe's methods about values: what it is given, and what it gives."""

from __future__ import annotations

from collections import Counter as Tally
from typing import Annotated, Any

import msgspec

from llmspell_core.bridge import Bridge, Callback, method
from llmspell_core.values import TextRecord
from llmspell_testkit.gates import Gates
from llmspell_testkit.samples import SAMPLES
from llmspell_testkit.seen import seen


class Person(msgspec.Struct):
    """A record that the probe takes."""

    name: str
    age: int
    email: str | None = None


class ValueMethods(Bridge):
    """What the probe keeps, and its methods about values."""

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
