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


def ancestors(needs: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    """Name, for each step, everything that it waits for, at whatever distance; none where there is a cycle."""
    try:
        order = list(TopologicalSorter(needs).static_order())
    except CycleError:
        return {}
    place = {name: index for index, name in enumerate(order)}
    masks: dict[str, int] = {}  # as bits: a graph of a thousand steps has a million pairs
    for name in order:
        mask = 0
        for need in needs.get(name, ()):
            mask |= masks.get(need, 0) | 1 << place[need]
        masks[name] = mask
    return {name: {it for it in order if masks[name] >> place[it] & 1} for name in order}


def unreachable(needs: Mapping[str, Sequence[str]], circle: Sequence[str]) -> dict[str, str]:
    """Name the steps that can never run, each with one that it waits for in vain.

    Those of the `circle`, and those that need what does not exist, are not named themselves.
    """
    broken = {name for name, wanted in needs.items() if any(need not in needs for need in wanted)}
    reason = dict.fromkeys({*broken, *circle}, "")
    after: dict[str, list[str]] = {}
    for name, wanted in needs.items():
        for need in wanted:
            after.setdefault(need, []).append(name)
    open_ = sorted(reason)
    while open_:
        stuck = open_.pop()
        for name in after.get(stuck, ()):
            if name not in reason:
                reason[name] = stuck
                open_.append(name)
    return {name: stuck for name, stuck in reason.items() if stuck}
