"""Which steps of a graph come before which."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def cycle(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Find steps that wait for each other, the first one again at the end; empty if there are none."""
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


def ancestors(needs: Mapping[str, Sequence[str]], name: str) -> set[str]:
    """Name everything that `name` waits for, at whatever distance."""
    found: set[str] = set()
    open_ = list(needs.get(name, ()))
    while open_:
        each = open_.pop()
        if each not in found:
            found.add(each)
            open_ += needs.get(each, ())
    return found


def in_order(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """List the steps so that each comes after what it needs; there is no cycle."""
    return list(TopologicalSorter(needs).static_order())
