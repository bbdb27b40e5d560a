"""Writing programs in a language: what all languages share.

Everything is written in ASCII without apostrophes, so that it stands in a TOML text as it is.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from llmspell_testkit.differential.program import (
    Apply,
    Attempt,
    Block,
    Call,
    Collect,
    Expression,
    Let,
    ListOf,
    Literal,
    Param,
    Program,
    Step,
    Together,
    Var,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


class Writer(ABC):
    """Writes programs in one language; a subclass for another one says how that puts it."""

    prelude: tuple[str, ...] = ()

    def program(self, program: Program) -> str:
        """Write a whole spell, which ends with a newline."""
        return "\n".join([*self.prelude, *self.block(program.body)]) + "\n"

    def block(self, block: Block) -> list[str]:
        """Write steps and the result, as lines."""
        lines = [line for step in block.steps for line in self.step(step)]
        return [*lines, self.give(self.expression(block.result))]

    def step(self, step: Step) -> list[str]:
        """Write one step, as lines."""
        if isinstance(step, Let):
            return self.let(step.name, self.call(step.call))
        if isinstance(step, Attempt):
            return self.attempt(step.name, self.call(step.call))
        if isinstance(step, Collect):
            return self.collect(step.name, self.stream(step.call), step.most)
        if isinstance(step, Apply):
            return self.apply(step.name, self.block(step.body), self.expression(step.argument))
        if isinstance(step, Together):
            return self.together(step.name, [self.block(block) for block in step.blocks])
        return self.log(self.text(step.text))

    def expression(self, expression: Expression) -> str:
        """Write an expression."""
        if isinstance(expression, Literal):
            return self.value(expression.value)
        if isinstance(expression, Param):
            return self.param(expression.name)
        if isinstance(expression, Var):
            return expression.name
        if isinstance(expression, ListOf):
            return self.sequence(self.expression(item) for item in expression.items)
        pairs = ((key, self.expression(item)) for key, item in expression.items)
        return self.mapping(pairs)

    def value(self, value: Any) -> str:  # noqa: PLR0911 - one line for each kind of value
        """Write a value."""
        match value:
            case None:
                return "null"
            case bool():
                return "true" if value else "false"
            case int():
                return self.integer(value)
            case float():
                return self.number(value)
            case str():
                return self.text(value)
            case bytes():
                return self.octets(value)
            case list():
                return self.sequence(self.value(item) for item in value)
        return self.mapping((key, self.value(item)) for key, item in value.items())

    def number(self, value: float) -> str:
        """Write a float."""
        if math.isnan(value):
            return "0/0"
        if math.isinf(value):
            return "1/0" if value > 0 else "-1/0"
        return repr(value)

    def text(self, value: str) -> str:
        """Write a text: what is not plain ASCII by its number."""
        return '"' + "".join(_escaped(character) for character in value) + '"'

    @abstractmethod
    def call(self, call: Call) -> str:
        """Write a call whose answer is waited for."""

    @abstractmethod
    def stream(self, call: Call) -> str:
        """Write a call that gives a stream."""

    @abstractmethod
    def param(self, name: str) -> str:
        """Write a parameter."""

    @abstractmethod
    def integer(self, value: int) -> str:
        """Write an integer of up to 64 bits."""

    @abstractmethod
    def octets(self, value: bytes) -> str:
        """Write bytes."""

    @abstractmethod
    def sequence(self, items: Iterable[str]) -> str:
        """Write a list."""

    @abstractmethod
    def mapping(self, items: Iterable[tuple[str, str]]) -> str:
        """Write a map."""

    @abstractmethod
    def give(self, result: str) -> str:
        """Write the end of a block."""

    @abstractmethod
    def let(self, name: str, call: str) -> list[str]:
        """Write `Let`."""

    @abstractmethod
    def attempt(self, name: str, call: str) -> list[str]:
        """Write `Attempt`."""

    @abstractmethod
    def collect(self, name: str, stream: str, most: int) -> list[str]:
        """Write `Collect`."""

    @abstractmethod
    def apply(self, name: str, body: list[str], argument: str) -> list[str]:
        """Write `Apply`: the function's parameter is ``x``."""

    @abstractmethod
    def together(self, name: str, blocks: list[list[str]]) -> list[str]:
        """Write `Together`."""

    @abstractmethod
    def log(self, text: str) -> list[str]:
        """Write `Log`."""


def _escaped(character: str) -> str:
    if character in "\"\\'" or not " " <= character <= "~":
        return f"\\u{{{ord(character):x}}}"
    return character
