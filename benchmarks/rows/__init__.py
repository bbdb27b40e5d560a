"""The rows of the table, in their order; each module measures one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.rows import (
    agent_step,
    codec,
    cold_llm,
    cold_start,
    fan_out,
    host_call,
    hostile,
    reload,
    waiting_memory,
    warm_spell,
    workflow,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.measurement import Measurement

ROWS: dict[str, Callable[[bool], list[Measurement]]] = {
    "cold_start": cold_start.measure,
    "cold_llm": cold_llm.measure,
    "warm_spell": warm_spell.measure,
    "host_call": host_call.measure,
    "fan_out": fan_out.measure,
    "agent_step": agent_step.measure,
    "workflow": workflow.measure,
    "waiting_memory": waiting_memory.measure,
    "hostile": hostile.measure,
    "codec": codec.measure,
    "reload": reload.measure,
}
"""Name to function; it takes whether to be short."""

__all__ = ["ROWS"]
