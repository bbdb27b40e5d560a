"""An abstract program: what a spell does, written in no language."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Literal:
    """A value, written out."""

    value: Any


@dataclass(frozen=True)
class Param:
    """One of the spell's parameters."""

    name: str


@dataclass(frozen=True)
class Var:
    """What an earlier step gave; in a callback, ``x`` is its argument."""

    name: str


@dataclass(frozen=True)
class ListOf:
    """A list of expressions."""

    items: tuple[Expression, ...]


@dataclass(frozen=True)
class MapOf:
    """A map of expressions."""

    items: tuple[tuple[str, Expression], ...]


Expression: TypeAlias = Literal | Param | Var | ListOf | MapOf


@dataclass(frozen=True)
class Call:
    """A call of the probe, or of the handle that the variable `on` holds."""

    method: str
    args: tuple[Expression, ...] = ()
    on: str | None = None


@dataclass(frozen=True)
class Let:
    """Call, and name the answer."""

    name: str
    call: Call


@dataclass(frozen=True)
class Attempt:
    """Call, and name ``["value", answer]``, or ``[kind, message]`` of the error."""

    name: str
    call: Call


@dataclass(frozen=True)
class Collect:
    """Read a stream, leave it after `most` items, and name the list of them."""

    name: str
    call: Call
    most: int


@dataclass(frozen=True)
class Apply:
    """Have the probe call a function of the script with `argument`, and name the answer."""

    name: str
    argument: Expression
    body: Block


@dataclass(frozen=True)
class Together:
    """Do several blocks at once, and name the list of their results."""

    name: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Log:
    """Print a text."""

    text: str


Step: TypeAlias = Let | Attempt | Collect | Apply | Together | Log


@dataclass(frozen=True)
class Block:
    """Steps, and the result after them."""

    steps: tuple[Step, ...]
    result: Expression


@dataclass(frozen=True)
class Program:
    """A whole spell: its parameters and what it does."""

    body: Block
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def concurrent(self) -> bool:
        """Whether the order of its calls is nobody's."""
        return _concurrent(self.body)


def _concurrent(block: Block) -> bool:
    return any(
        isinstance(step, Together) or (isinstance(step, Apply) and _concurrent(step.body))
        for step in block.steps
    )
