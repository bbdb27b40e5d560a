"""Comparing the side effects of a scenario with those it must have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmspell_testkit.bridge_case import seen_messages
from llmspell_testkit.tagged import differences

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmspell_testkit.integration.scenario import Scenario
    from llmspell_testkit.integration.world import SideEffects


def effect_problems(scenario: Scenario, engine: str, effects: SideEffects) -> Iterator[str]:
    """List everything in which the world is not as the scenario says."""
    expect = scenario.expect
    requests = [seen_messages(body) for body in effects.bodies]
    pairs: dict[str, tuple[Any, Any]] = {
        "requests": (expect.requests, requests),
        "fetched": (expect.fetched, effects.fetched),
    }
    for name, (wanted, got) in pairs.items():
        if wanted is not None and expect.any_order:
            yield from differences(sorted(wanted, key=str), sorted(got, key=str), name)
        elif wanted is not None:
            yield from differences(wanted, got, name)
    if expect.files is not None:
        yield from differences(expect.files, effects.files, "files")
    if expect.spans is not None:
        wanted = [span.replace("{engine}", engine) for span in expect.spans]
        yield from differences(wanted, effects.spans, "spans")
