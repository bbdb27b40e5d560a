"""Bridges that take what they should not, or give what no script has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, ClassVar

import msgspec
from good_bridge import broken

from llmspell_core import Bridge, ValidationError, method
from llmspell_core.signature import Method


@broken("values too many are ignored", "greet.too-many-arguments")
class Variadic(Bridge):
    """Greets."""

    name = "variadic"

    @method(example={"who": "Ada"})
    async def greet(self, who: str, *rest: Any) -> str:
        """Greet somebody."""
        return f"Hello {who}"


class Forgiving(Method):
    """A method that makes up what is missing, and drops what it does not know."""

    def bind(self, args: Any, where: str) -> tuple[list[Any], dict[str, Any]]:
        """Bind what fits."""
        given = dict(args[0]) if args and isinstance(args[0], dict) else {}
        return self.forgive(given, args, where)

    def forgive(self, given: dict[str, Any], args: Any, where: str) -> Any:
        """Bind strictly, but for the mistake."""
        raise NotImplementedError


class Dropping(Forgiving):
    """Drops an argument that it does not know."""

    def forgive(self, given: dict[str, Any], args: Any, where: str) -> Any:
        """Drop the rest."""
        known = {key: value for key, value in given.items() if key == "who"}
        return super(Forgiving, self).bind([known, *args[1:]] if known else args, where)


class Inventing(Forgiving):
    """Makes up an argument that is missing."""

    def forgive(self, given: dict[str, Any], args: Any, where: str) -> Any:
        """Fill in a name."""
        whole = [{"who": "nobody"}] if not args or args == [{}] else args
        return super(Forgiving, self).bind(whole, where)

    def bind(self, args: Any, where: str) -> tuple[list[Any], dict[str, Any]]:
        """Bind what fits."""
        return self.forgive({}, list(args), where)


class Greeter(Bridge):
    """Greets."""

    name = "greeter"

    @method(example={"who": "Ada"})
    async def greet(self, who: str) -> str:
        """Greet somebody."""
        return f"Hello {who}"


_MARK = Greeter.greet.__llmspell__  # type: ignore[attr-defined] # what `method` leaves


@broken("an unknown argument is swallowed", "greet.unknown-argument")
class Swallowing(Greeter):
    """Greets."""

    __llmspell_methods__: ClassVar = {"greet": Dropping("greet", Greeter.greet, _MARK)}


@broken("a missing argument is made up", "greet.missing-argument")
class MakingUp(Greeter):
    """Greets."""

    __llmspell_methods__: ClassVar = {"greet": Inventing("greet", Greeter.greet, _MARK)}


class LooseOptions(msgspec.Struct):
    """Options that take any further field."""

    loud: bool = False


@broken("an unknown field is swallowed", "greet.unknown-field")
class LooseFields(Bridge):
    """Greets."""

    name = "loose_fields"

    @method(example={"who": "Ada", "options": {"loud": True}})
    async def greet(self, who: str, *, options: LooseOptions | None = None) -> str:
        """Greet somebody."""
        return f"Hello {who}" + "!" * bool(options and options.loud)


class Anything:
    """A type of another library that says `integer`, and takes everything."""

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]:
        """Promise an integer."""
        return {"type": "integer"}

    @classmethod
    def model_validate(cls, value: Any) -> Anything:
        """Take whatever comes."""
        return cls()


@broken("a wrong type is taken", "wait.wrong-type")
class WrongType(Bridge):
    """Waits."""

    name = "wrong_type"

    @method(example={"turns": 2})
    async def wait(self, turns: Anything) -> str:
        """Wait a few turns."""
        return "done"


@broken("a text is taken for a number", "double.no-coercion")
class Coercing(Bridge):
    """Doubles."""

    name = "coercing"

    @method(example={"number": 5})
    async def double(self, number: Any) -> int:
        """Double a number."""
        try:
            return int(number) * 2
        except (TypeError, ValueError):
            text = "bad argument `number` to `double`: expected a number"
            raise ValidationError(text, argument="number") from None


@broken("a list is changed in place", "sort.arguments-untouched")
class Sorting(Bridge):
    """Sorts."""

    name = "sorting"

    @method(example={"items": ["b", "a"]})
    async def sort(self, items: Any) -> Any:
        """Sort texts."""
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise ValidationError("bad argument `items` to `sort`", argument="items")
        items.sort()
        return items


@broken("a Python object is given", "make.result-is-value")
class Objects(Bridge):
    """Makes."""

    name = "objects"

    @method(example={})
    async def make(self) -> Any:
        """Make something."""
        return {"it": object()}


@broken("an integer of more than 64 bits is given", "power.result-is-value")
class Huge(Bridge):
    """Raises."""

    name = "huge"

    @method(example={"exponent": 70})
    async def power(self, exponent: int) -> int:
        """Raise two to a power."""
        return 2 ** min(max(exponent, 0), 99)


@broken("the answer is not what its type says", "length.result-fits")
class Misfitting(Bridge):
    """Measures."""

    name = "misfitting"

    @method(example={"text": "four"})
    async def length(self, text: str) -> int:
        """Measure a text."""
        return str(len(text))  # type: ignore[return-value] # the mistake


@broken("an item of a stream is not what its type says", "numbers.result-fits")
class MisfittingItems(Bridge):
    """Counts."""

    name = "misfitting_items"

    @method(example={"count": 3})
    async def numbers(self, count: int) -> AsyncIterator[int]:
        """Count."""
        for number in range(min(count, 9)):
            yield number if number < 2 else "two"  # type: ignore[misc] # the mistake
