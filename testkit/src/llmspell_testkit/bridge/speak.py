"""How an engine is asked to call a bridge: its speaker writes the script of a chain of calls.

An engine that claims no handles has chains of one step, without `build`. The whole speaker of such
a language::

    def speak(chain: CallChain) -> str:
        (step,) = chain.steps
        args = ", ".join(f'params["a0"][{index}]' for index in range(step.count))
        return f"result = {chain.bridge}.{step.method}({args})"
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

Key = str | int


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One call of the chain: `method` of what the one before gave at `path`, with `count` values.

    A whole number in `path` is a place in a list, from 0.
    """

    method: str
    count: int
    path: tuple[Key, ...] = ()


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """A builder to begin with: its name, how many values it takes, and its steps likewise."""

    name: str
    count: int
    steps: tuple[tuple[str, int], ...] = ()


class CallChain(msgspec.Struct, frozen=True, kw_only=True):
    """What a script is to do: call a member of `bridge` by way of the objects that lead to it.

    The script finds the values in ``params.a0``, ``params.a1``, …: a list for each call of the
    chain, those of `build` and of its steps first. A text in them that begins with ``function(``
    stands for a function of the script that returns its argument (where the engine claims
    callbacks). Names are written as a bridge has them, in snake case.

    The first step is the bridge's own, or that of what `build` has made; each further one is of
    the object that the step before gave. `gives` is the script's result: the last ``value``; the
    ``items`` of the last stream, as a list; or for ``nothing``, whether there is one, which is an
    object then.
    """

    bridge: str
    steps: tuple[Step, ...]
    build: Build | None = None
    gives: Literal["value", "items", "nothing"] = "value"


Speaker: TypeAlias = "Callable[[CallChain], str]"
"""Writes the script of a chain in the language of an engine."""
