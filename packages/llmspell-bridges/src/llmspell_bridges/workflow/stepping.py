"""One step, run: its condition, its time, its retries, and what is done when it fails."""

from __future__ import annotations

import asyncio
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

from llmspell_bridges import retry
from llmspell_bridges.agent.totals import Totals, current
from llmspell_bridges.tools import toolbox
from llmspell_bridges.workflow.condition import Condition
from llmspell_bridges.workflow.data import as_data
from llmspell_bridges.workflow.schemas import fits
from llmspell_core import (
    BudgetError,
    Callback,
    CallContext,
    CancelledSpellError,
    InternalError,
    LimitError,
    LlmspellError,
    PermissionDeniedError,
    WorkflowError,
)
from llmspell_core.telemetry import span

if TYPE_CHECKING:
    from llmspell_bridges.workflow.run import Record, Run
    from llmspell_bridges.workflow.step import Step

_ENDS = (BudgetError, CancelledSpellError, LimitError)
"""What ends the run, whatever a step says of errors."""
_MAY_PASS = frozenset({"agent", "filesystem", "runtime", "tool", "workflow"})
"""Kinds of errors that a step's own `retry` tries again, beside those marked `retryable`."""


async def take(run: Run, step: Step, event: Any = None) -> Record:
    """Run one step, keep what came of it in `run`, and return it.

    Raises:
        WorkflowError: it failed, and `on_error` says that the workflow does too.
        LlmspellError: something ends the whole run, or was not permitted.
    """
    with span("workflow.step", {"llmspell.step": step.name}):
        return await _Taking(run, step, event).take()


class _Taking:
    """The state of one step under way."""

    def __init__(self, run: Run, step: Step, event: Any) -> None:
        self.run = run
        self.step = step
        self.event = event
        self.attempts = 0
        self.extra: dict[str, Any] = {}
        self.totals = Totals(run.totals)
        self.started = time.perf_counter()

    @cached_property
    def steps(self) -> dict[str, Record]:
        """What the step may refer to, as it was when it began."""
        return self.run.seen(self.step)

    async def take(self) -> Record:
        run, step = self.run, self.step
        token = current.set(self.totals)
        try:
            if not await self._wanted():
                record = run.keep(step.name, {"status": "skipped"})
                await run.tell("step_finished", name=step.name, status="skipped")
                return record
            await run.tell("step_started", name=step.name, kind=step.kind, event=self.event)
            self.started = time.perf_counter()
            return await self._ended("completed", output=await self._output())
        except Exception as error:  # noqa: BLE001 - whatever it is, the step says what it means
            return await self._failed(error)
        finally:
            current.reset(token)

    async def _wanted(self) -> bool:
        when = self.step.when
        if when is None or self.run.flow.name == "conditional":  # there, it chooses
            return True
        more = () if self.event is None else (self.event,)
        return await holds(self.run, when, self.steps, f"`when` of `{self.step.name}`", *more)

    async def _output(self) -> Any:
        step = self.step
        given = self.run.given(step, self.event)
        if step.input_schema is not None:
            await fits(step.input_schema, given, f"what `{step.name}` is given")
        if step.retry is None:
            output = await self._attempt()
        else:
            output = await retry.run(
                step.retry, self._attempt, may_retry=self._may_retry, sleep=self._before_next
            )
        output = as_data(output)
        self.run.weigh(step.name, [output, self.extra])
        if step.gives is not None:
            await fits(step.gives, output, f"what `{step.name}` gave")
        return output

    async def _attempt(self) -> Any:
        self.attempts += 1
        if self.step.timeout_s is None:
            return await self._work()
        clock = asyncio.timeout(self.step.timeout_s)
        try:
            async with clock:
                with self.run.session.pausing(clock):  # a question takes as long as it takes
                    return await self._work()
        except TimeoutError:
            if not clock.expired():
                raise
            text = f"it did not end within {self.step.timeout_s:g} s"
            raise WorkflowError(text, step=self.step.name, retryable=True) from None

    def _may_retry(self, error: LlmspellError) -> bool:
        named = self.step.retry is not None and self.step.retry.on is not None
        return named or error.retryable or error.kind in _MAY_PASS

    async def _before_next(self, delay_s: float) -> None:
        await self.run.tell(
            "step_retried", name=self.step.name, attempt=self.attempts, delay_s=round(delay_s, 3)
        )
        await asyncio.sleep(delay_s)

    # -- what it does ---------------------------------------------------------------------

    async def _work(self) -> Any:
        run, step = self.run, self.step
        if step.kind == "run":
            assert step.run is not None  # noqa: S101 - `kind` says so
            given = (run.inputs, self.steps)
            return await step.run(*given if self.event is None else (*given, self.event))
        values = run.values(self.steps, self.event)
        if step.kind == "agent":
            return await self._ask(values)
        if step.kind == "tool":
            arguments = self._filled(step.arguments or {}, values)
            tool = step.tool if isinstance(step.tool, str) else step.tool.tool
            return await toolbox(run.session).call(tool, arguments)
        inputs = run.inputs if step.inputs is None else self._filled(step.inputs, values)
        inner = run.within(step.workflow, inputs)
        from llmspell_bridges.workflow.graph import invoke  # it imports this module

        try:
            result = await invoke(inner)
        finally:
            inner.release()  # what it gave counts as this step's
        self.extra["steps"] = result["steps"]
        return result.get("output")

    async def _ask(self, values: dict[str, Any]) -> Any:
        run, step = self.run, self.step
        prompt = step.prompt or ""
        if prompt in run.texts:
            prompt = run.texts[prompt].text(values)
        if step.conversation == "own":
            return await self._answer(prompt, [])
        async with run.turn(step.conversation):
            return await self._answer(prompt, run.conversations.get(step.conversation, []))

    async def _answer(self, prompt: str, earlier: list[Any]) -> Any:
        run, step = self.run, self.step
        ctx = CallContext(run.session, "agent:run", ("model",))
        answer = await step.agent.run(prompt, context={"messages": earlier}, ctx=ctx)
        if step.conversation != "own":
            messages = answer.fields["context"]["messages"]
            run.conversations[step.conversation] = messages
            self.extra["conversation"] = {step.conversation: messages}
        return answer.fields.get("data", str(answer))

    def _filled(self, value: Any, values: dict[str, Any]) -> Any:
        if not self.run.texts:
            return value
        from llmspell_bridges.workflow.template import Filler  # what is compiled was imported

        return Filler(self.run.texts, values).fill(value)

    # -- what came of it ------------------------------------------------------------------

    async def _ended(self, status: str, **fields: Any) -> Record:
        record = {
            "status": status,
            **fields,
            "duration_s": round(time.perf_counter() - self.started, 6),
            "attempts": max(1, self.attempts),
            **self._used(),
            **self.extra,
        }
        record = {name: value for name, value in record.items() if value is not None}
        run = self.run
        run.keep(self.step.name, record)
        run.session.record(
            {"event": "step", "workflow": run.flow.title, "step": self.step.name, "outcome": status}
        )
        told = {name: record.get(name) for name in ("status", "output", "error", "duration_s")}
        await run.tell("step_finished", name=self.step.name, **told)
        return record

    def _used(self) -> dict[str, Any]:
        """Say what models took; nothing where none was asked."""
        found = self.totals.record()
        if not found["usage"]["total_tokens"] and self.step.kind != "agent":
            return {}
        return {"usage": found["usage"], "cost_usd": found.get("cost_usd")}

    async def _failed(self, raised: Exception) -> Record:
        step, session = self.step, self.run.session
        if session.fatal is not None:
            raise session.fatal
        if isinstance(raised, _ENDS):
            raise raised
        error = raised if isinstance(raised, LlmspellError) else _internal(raised)
        told = {"kind": error.kind, "message": error.message}
        if step.on_error == "fallback":
            try:
                output = as_data(await self._fallback(told))
                self.run.weigh(step.name, output)
            except Exception as second:
                if isinstance(second, _ENDS) or session.fatal is not None:
                    raise
                error = second if isinstance(second, LlmspellError) else _internal(second)
                told = {"kind": error.kind, "message": f"its fallback failed: {error.message}"}
            else:
                return await self._ended("completed", output=output, error=told)
        record = await self._ended("failed", error=told)
        if step.on_error == "continue":
            return record
        if isinstance(error, PermissionDeniedError):
            raise error
        raise WorkflowError(
            f"the step `{step.name}` failed: {told['message']}",
            step=step.name,
            retryable=error.retryable,
            traceback=error.traceback,
            details={"cause": {**told}},
        ) from error

    async def _fallback(self, told: dict[str, Any]) -> Any:
        fallback = self.step.fallback
        if isinstance(fallback, Callback):
            return await fallback(self.run.inputs, self.steps, told)
        return fallback


async def holds(
    run: Run, when: Callback | Condition, steps: dict[str, Any], what: str, *more: Any
) -> bool:
    """Ask a condition.

    Raises:
        WorkflowError: a function gave something else than true or false.
    """
    if isinstance(when, Condition):
        return when.holds(run.inputs, steps)
    answer = await when(run.inputs, steps, *more)
    if answer is None or isinstance(answer, bool):
        return bool(answer)
    raise WorkflowError(f"{what} gave a {type(answer).__name__}: a condition gives true or false")


async def asked(run: Run, when: Any, what: str, *more: Any) -> bool:
    """Ask a condition that is the workflow's own, not a step's.

    Raises:
        WorkflowError: it could not say.
    """
    steps = {step.name: run.steps[step.name] for step in run.flow.added if step.name in run.steps}
    try:
        return await holds(run, when, steps, what, *more)
    except LlmspellError as error:
        if run.session.fatal is not None or isinstance(error, _ENDS):
            raise
        raise WorkflowError(f"{what} failed: {error.message}", traceback=error.traceback) from error


def _internal(error: Exception) -> InternalError:
    made = InternalError(f"{type(error).__name__}: {error}")
    made.__cause__ = error
    return made
