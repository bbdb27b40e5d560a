"""One run of one workflow: what is known so far, and what comes of it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Literal, Required, TypedDict

import msgspec

from llmspell_bridges.agent.totals import Totals, current
from llmspell_bridges.workflow.data import Weight, as_data, weight
from llmspell_core import WorkflowError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from llmspell_bridges.workflow.flow import Flow
    from llmspell_bridges.workflow.step import Step
    from llmspell_core import LlmspellError, Session

    Emit = Callable[[dict[str, Any]], Awaitable[None]]
    Record = dict[str, Any]

DEFAULT_CONCURRENCY = 100
_KEPT = "conversation"
"""The part of a step's record that only a checkpoint has."""


class _Kept(TypedDict, total=False):
    """What a checkpoint may say of a step: anybody may have written it."""

    status: Required[Literal["completed", "failed", "skipped"]]
    output: Any
    error: dict[str, str]
    duration_s: float
    attempts: int
    usage: dict[str, int]
    cost_usd: float
    steps: dict[str, dict[str, Any]]
    conversation: dict[str, list[dict[str, Any]]]


class Run:
    """One run; a workflow in a step has one of its own, within this one."""

    def __init__(  # noqa: PLR0917 - what a run is made of
        self,
        flow: Flow,
        texts: Mapping[str, Any],
        session: Session,
        inputs: Mapping[str, Any],
        emit: Emit | None,
        outer: Run | None = None,
    ) -> None:
        """Start with no step done; `texts` are the compiled templates, by their source."""
        self.flow = flow
        self.texts = texts
        self.session = session
        self.inputs = {name: as_data(value) for name, value in inputs.items()}
        self.saver: Any = None if outer is None else outer.saver
        self.held: Weight = Weight() if outer is None else outer.held
        self.steps: dict[str, Record] = {}
        self.iteration = 0
        self.finished = True
        self.begun = False
        self.totals = Totals(current.get())
        self.conversations: dict[str, list[Any]] = {}
        self.turns: dict[str, asyncio.Lock] = {}
        self.gate = asyncio.Semaphore(flow.max_concurrency or DEFAULT_CONCURRENCY)
        self._emit = emit
        self._weights: dict[str, int] = {}
        self._own: dict[
            int, Record
        ] = {}  # holds them: a number belongs to an object while it lives
        self._started = time.perf_counter()

    def within(self, flow: Flow, inputs: Mapping[str, Any]) -> Run:
        """Make the run of a workflow that stands in a step of this one."""
        return Run(flow, self.texts, self.session, inputs, self._emit, self)

    def begin(self) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    async def tell(self, type_: str, **fields: Any) -> None:
        """Tell whoever follows the run what happens; fields that are None are left out."""
        if self._emit is not None:
            event = {"type": type_, "workflow": self.flow.title, **fields}
            await self._emit({name: value for name, value in event.items() if value is not None})

    # -- what steps see -------------------------------------------------------------------

    def seen(self, step: Step) -> dict[str, Record]:
        """Show a step the records of those that it may refer to."""
        sees = self.flow.sees(step)
        if not sees:
            return {}
        return {name: public(it) for name, it in self.steps.items() if name in sees}

    def values(self, steps: Mapping[str, Record], event: Any = None) -> dict[str, Any]:
        """List what templates can name."""
        found = {**self.inputs, "inputs": self.inputs, "steps": steps, **steps}
        if self.flow.name == "loop":
            found["iteration"] = self.iteration + 1
        return found if event is None else {**found, "event": event}

    def given(self, step: Step, event: Any = None) -> Any:
        """Return what a step is given: the output of the one before it, of several by name."""
        if event is not None:
            return event
        before = [name for name in self.flow.before(step) if name in self.steps]
        if not before:
            return self.inputs
        outputs = {name: self.steps[name].get("output") for name in before}
        return outputs[before[0]] if len(before) == 1 else outputs

    def weigh(self, name: str, output: Any) -> None:
        """Count what a step gave; what it gave before, in a loop, counts no more.

        Raises:
            WorkflowError: all steps together gave too much.
        """
        now = weight(output)
        self.held.add(now - self._weights.get(name, 0))
        self._weights[name] = now

    def release(self) -> None:
        """Count what the steps gave no more: the run is over, and was within another."""
        self.held.add(-sum(self._weights.values()))
        self._weights.clear()

    def keep(self, name: str, record: Record) -> Record:
        """Keep what came of a step that ran here; what it gave in a round before is let go."""
        self._own.pop(id(self.steps.get(name)), None)
        self._own[id(record)] = record
        self.steps[name] = record
        return record

    def absorb(self, steps: Mapping[str, Record]) -> None:
        """Learn of steps that ran before a crash, in the order in which they ended.

        Raises:
            WorkflowError: what was kept of them is no record of a step.
        """
        for name, record in steps.items():
            if id(record) in self._own:
                continue
            _check(name, record)
            self.steps[name] = record
            for called, messages in (record.get(_KEPT) or {}).items():
                if len(messages) >= len(self.conversations.get(called, ())):
                    self.conversations[called] = messages

    def turn(self, conversation: str) -> asyncio.Lock:
        """Return what makes the steps of a shared conversation wait for each other."""
        return self.turns.setdefault(conversation, asyncio.Lock())

    # -- what comes of it -----------------------------------------------------------------

    async def result(self) -> dict[str, Any]:
        """Put the result together, once all steps have ended."""
        records = {
            step.name: public(self.steps[step.name])
            for step in self.flow.added
            if step.name in self.steps
        }
        if self.flow.name == "conditional":
            records = {
                step.name: records.get(step.name, {"status": "skipped"}) for step in self.flow.added
            }
        result = {
            "name": self.flow.title,
            "status": "completed" if self.finished else "max_iterations",
            "steps": records,
            "output": await self._output(records),
            **self._used(),
            "duration_s": round(time.perf_counter() - self._started, 6),
        }
        if self.flow.name == "loop":
            result["iterations"] = self.iteration
        return {name: value for name, value in result.items() if value is not None}

    def failed(self, error: LlmspellError, run_id: str | None) -> None:
        """Let an error tell what had finished by then, and how to go on."""
        if isinstance(error, WorkflowError):
            error.details["steps"] = {name: public(record) for name, record in self.steps.items()}
        if run_id is not None:
            error.details["id"] = run_id

    async def _output(self, records: Mapping[str, Record]) -> Any:
        flow = self.flow
        if flow.output is not None:
            return (
                self.texts[flow.output].value(self.values(records))
                if flow.output in self.texts
                else flow.output
            )
        outputs = {name: record["output"] for name, record in records.items() if "output" in record}
        if flow.name == "parallel":
            if callable(flow.aggregate):
                return as_data(await flow.aggregate(self.inputs, dict(records)))
            return list(outputs.values()) if flow.aggregate == "list" else outputs
        if flow.name == "dag":
            needed = {need for step in flow.added for need in step.needs or ()}
            outputs = {name: value for name, value in outputs.items() if name not in needed}
            return next(iter(outputs.values()), None) if len(outputs) < 2 else outputs  # noqa: PLR2004 - one end, or several
        return list(outputs.values())[-1] if outputs else None

    def _used(self) -> dict[str, Any]:
        """Sum up what was used, by the steps that ran before a crash too."""
        earlier = [record for record in self.steps.values() if id(record) not in self._own]
        found = self.totals.record()
        usage = dict(found["usage"])
        for record in earlier:
            for name, count in (record.get("usage") or {}).items():
                usage[name] = usage.get(name, 0) + count
        cost = found.get("cost_usd")
        costs = [record.get("cost_usd", 0.0) for record in earlier]
        return {"usage": usage, "cost_usd": None if cost is None else cost + sum(costs)}


def public(record: Record) -> Record:
    """Leave out what only a checkpoint has."""
    if _KEPT not in record:
        return record
    return {name: value for name, value in record.items() if name != _KEPT}


def _check(name: Any, record: Any) -> None:
    try:
        msgspec.convert({name: record}, dict[str, _Kept], strict=True)
    except msgspec.ValidationError as error:
        raise WorkflowError(f"the checkpoint is damaged: start anew ({error})") from None
