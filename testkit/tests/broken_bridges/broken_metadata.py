"""Bridges that say too little of themselves, or what is not so."""

from __future__ import annotations

import itertools
from typing import Any

from good_bridge import Count, broken

from llmspell_core import Bridge, Handle, ToolError, method


@broken("a bridge without a description", "bridge-described")
class Silent(Bridge):  # noqa: D101 - the mistake
    name = "silent"

    @method(example={"who": "Ada"})
    async def greet(self, who: str) -> str:
        """Greet somebody."""
        return f"Hello {who}"


@broken("a method without a description", "greet.described")
class Undescribed(Bridge):
    """Greets."""

    name = "undescribed"

    @method(example={"who": "Ada"})
    async def greet(self, who: str) -> str:
        return f"Hello {who}"


@broken("a method without an example", "greet.example")
class WithoutExample(Bridge):
    """Greets."""

    name = "plain"

    @method()
    async def greet(self, who: str = "you") -> str:
        """Greet somebody."""
        return f"Hello {who}"


@broken("an example that does not run", "greet.example-runs")
class BadExample(Bridge):
    """Greets."""

    name = "bad_example"

    @method(example={"whom": "Ada"})
    async def greet(self, who: str) -> str:
        """Greet somebody."""
        return f"Hello {who}"


@broken("an argument without a type", "greet.arguments-typed")
class Untyped(Bridge):
    """Greets."""

    name = "untyped"

    @method(example={"who": "Ada"})
    async def greet(self, who) -> str:  # type: ignore[no-untyped-def] # noqa: ANN001 - the mistake
        """Greet somebody."""
        return f"Hello {who}"


@broken("an answer without a type", "greet.answer-typed")
class UntypedAnswer(Bridge):
    """Greets."""

    name = "untyped_answer"

    @method(example={"who": "Ada"})
    async def greet(self, who: str):  # type: ignore[no-untyped-def] # noqa: ANN201 - the mistake
        """Greet somebody."""
        return f"Hello {who}"


@broken("a handle of no known type", "count.handle-typed")
class SomeHandle(Bridge):
    """Counts."""

    name = "some_handle"

    @method(example={"start": 3})
    async def count(self, start: int) -> Handle:
        """Make a number that grows."""
        return Count(start)


@broken("a method in camel case", "sayHello.names")
class Camel(Bridge):
    """Greets."""

    name = "camel"

    @method(example={"who": "Ada"})
    async def sayHello(self, who: str) -> str:  # noqa: N802 - the mistake
        """Greet somebody."""
        return f"Hello {who}"


@broken("an argument that Lua cannot name", "repeat_text.names")
class Reserved(Bridge):
    """Repeats."""

    name = "reserved"

    @method(example={"text": "ha", "repeat": 2})
    async def repeat_text(self, text: str, repeat: int = 1) -> str:
        """Repeat a text."""
        return text * max(0, min(repeat, 9))


@broken("a bridge named in camel case", "bridge-names")
class CamelBridge(Bridge):
    """Greets."""

    name = "myGreeter"

    @method(example={"who": "Ada"})
    async def greet(self, who: str) -> str:
        """Greet somebody."""
        return f"Hello {who}"


@broken("two methods with one name in JavaScript", "names-apart", "part_1.same-in-javascript")
class Twins(Bridge):
    """Greets."""

    name = "twins"

    @method(example={"who": "Ada"})
    async def part_1(self, who: str) -> str:
        """Greet somebody."""
        return f"Hello {who}"

    @method(example={"who": "Ada"})
    async def part1(self, who: str) -> str:
        """Greet somebody."""
        return f"Hello {who}"


@broken("metadata that differ each time", "same-metadata")
class Changing(Bridge):
    """Greets."""

    name = "changing"
    _versions = itertools.count()

    @classmethod
    def manifest(cls) -> dict[str, Any]:
        """Describe the bridge, with a number that nobody can rely on."""
        return {**super().manifest(), "version": next(cls._versions)}

    @method(example={"who": "Ada"})
    async def greet(self, who: str) -> str:
        """Greet somebody."""
        return f"Hello {who}"


@broken("metadata that are no JSON", "metadata-is-json")
class Unwritable(Bridge):
    """Greets."""

    name = "unwritable"

    @method(example={"who": "Ada"}, returns=object())  # type: ignore[arg-type] # the mistake
    async def greet(self, who: str) -> str:
        """Greet somebody."""
        return f"Hello {who}"


@broken("a method that the manifest leaves out", "greet.same-in-javascript", "greet.same-in-lua")
class LeftOut(Bridge):
    """Greets."""

    name = "left_out"

    @classmethod
    def manifest(cls) -> dict[str, Any]:
        """Describe the bridge, and forget its method."""
        return {**super().manifest(), "methods": {}}

    @method(example={"who": "Ada"})
    async def greet(self, who: str) -> str:
        """Greet somebody."""
        return f"Hello {who}"


@broken("an error without a message", "greet.errors-say-what")
class Speechless(Bridge):
    """Greets."""

    name = "speechless"

    @method(example={"who": "Ada"})
    async def greet(self, who: str) -> str:
        """Greet somebody."""
        if not who:
            raise ToolError("")
        return f"Hello {who}"
