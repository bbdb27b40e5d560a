"""What a workflow says of itself, and the fingerprint by which a checkpoint knows it again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core import Callback

if TYPE_CHECKING:
    from llmspell_bridges.workflow.flow import Flow
    from llmspell_bridges.workflow.step import Step

FORMAT = 1
"""Raised whenever what is kept of a run changes its shape."""


def describe(flow: Flow) -> dict[str, Any]:
    """Describe a workflow to a script."""
    found: dict[str, Any] = {
        "name": flow.title,
        "kind": flow.name,
        "checkpoint": flow.checkpoint,
        "steps": [_step(flow, step) for step in flow.added],
    }
    for name in ("description", "timeout_s", "input_schema"):
        value = getattr(flow, name)
        if value is not None:
            found[name] = value
    if flow.name == "loop":
        found["max_iterations"] = flow.max_iterations
    return found


def _step(flow: Flow, step: Step) -> dict[str, Any]:
    names = {each.name for each in flow.added}
    needs = [name for name in flow.before(step) if name in names]
    found: dict[str, Any] = {"name": step.name, "kind": step.kind, "needs": needs}
    found["on_error"] = step.on_error
    for name in ("timeout_s", "input_schema", "output_schema"):
        value = getattr(step, name)
        if value is not None:
            found[name] = value
    if step.when is not None or step.otherwise:
        found["conditional"] = True
    if isinstance(step.tool, str):
        found["tool"] = step.tool
    if step.kind == "workflow" and hasattr(step.workflow, "added"):
        found["workflow"] = describe(step.workflow)
    return found


def digest(flow: Flow) -> str:
    """Compute what changes whenever a run of `flow` would mean something else.

    Names, kinds, order, templates and conditions count; what a function of the script does, or an
    agent is told, cannot be seen from here.
    """
    parts = [FORMAT, _shape(flow)]
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted", enc_hook=_seen)).hexdigest()


def _shape(flow: Flow) -> list[Any]:
    return [
        flow.name,
        flow.title,
        flow.max_iterations,
        [flow.output, flow.aggregate, flow.stop_when],
        [_parts(flow, step) for step in flow.added],
    ]


def _parts(flow: Flow, step: Step) -> list[Any]:
    tool = getattr(step.tool, "tool", None)
    work = step.tool if isinstance(step.tool, str) else getattr(tool, "name", None)
    inner = _shape(step.workflow) if hasattr(step.workflow, "added") else None
    return [
        [step.name, step.kind, flow.before(step), work, inner],
        [step.prompt, step.arguments, step.inputs, step.conversation],
        [step.when, step.otherwise, step.on_error, step.fallback],
    ]


def _seen(value: object) -> Any:
    """Stand for what a script gave that is no data."""
    if isinstance(value, str):
        return str.__str__(value)
    return "function" if isinstance(value, Callback) else type(value).__name__
