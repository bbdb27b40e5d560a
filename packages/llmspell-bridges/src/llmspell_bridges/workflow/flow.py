"""What all workflows have in common: how a script puts one together, and what it asks of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta

from llmspell_bridges.retry import RetryPolicy  # noqa: TC001 - a hint that is read at run time
from llmspell_bridges.workflow.check import check
from llmspell_bridges.workflow.describe import describe
from llmspell_bridges.workflow.step import (
    MAX_STEPS,
    OnError,
    Seconds,
    Step,
    condition,
    kind_of,
    source,
)
from llmspell_core import Builder, Callback, CallContext, ValidationError, method

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell_bridges.workflow.bridge import WorkflowBridge
    from llmspell_bridges.workflow.found import Checked

Name = Annotated[str, "What errors, progress and templates call it"]
Text = Annotated[str | None, "What it is for"]
Output = Annotated[Any, "A template of what it gives; the last step's output by default"]
InputSchema = Annotated[dict[str, Any] | None, "JSON Schema that its inputs must fit"]
Checkpoint = Annotated[bool, "Keep what each step gave, so that `resume` can go on after a crash"]
Timeout = Annotated[Seconds | None, "Seconds for all of it"]
Inputs = Annotated[dict[str, Any] | None, "What templates name: `{{topic}}` is `topic`"]
Concurrency = Annotated[Annotated[int, Meta(ge=1)] | None, "The most steps at once; 100 by default"]

_RESULT = "`name`, `status`, `steps` by name, `output`, `usage`, `cost_usd`, `duration_s`, `id`"
_EVENTS = "Events with `type`: started, step_started, step_retried, step_finished, …; at last end"
_FAULTS = "`valid`, and the lists `errors` and `warnings`"


class Flow(Builder):
    """A workflow: its steps, in the order in which the script added them."""

    steps = ("add_step",)
    bridge: WorkflowBridge
    title: str
    description: str | None = None
    output: Any = None
    input_schema: dict[str, Any] | None = None
    checkpoint: bool = False
    timeout_s: float | None = None
    max_concurrency: int | None = None
    aggregate: Any = None
    stop_when: Any = None
    max_iterations: int = 1
    max_events: int | None = None
    reactive: ClassVar[bool] = False
    """Whether its steps wait for events."""

    def _take(self, **given: Any) -> None:
        self.added: list[Step] = []
        self._places: dict[str, int] = {}
        for name, value in given.items():
            setattr(self, name, value)

    @property
    def where(self) -> str:
        """What errors call the builder."""
        return f"workflow.{self.name}"

    def add_step(
        self,
        *,
        name: Name,
        agent: Annotated[Any, "An agent of `llm.agent`, which is asked `prompt`"] = None,
        prompt: Annotated[str | None, "What the agent is asked; a template"] = None,
        tool: Annotated[Any, "A tool, or its name, which is called with `arguments`"] = None,
        arguments: Annotated[dict[str, Any] | None, "The tool's; texts are templates"] = None,
        run: Annotated[Callback | None, "A function, called with the inputs and the steps"] = None,
        workflow: Annotated[Any, "A workflow, run with `inputs`"] = None,
        inputs: Annotated[dict[str, Any] | None, "The workflow's; texts are templates"] = None,
        needs: Annotated[list[str] | None, "The steps that a step of a graph waits for"] = None,
        when: Annotated[Any, "A function or a condition; the step is skipped if it fails"] = None,
        otherwise: Annotated[bool, "The branch to take if no other one is"] = False,
        on: Annotated[dict[str, Any] | None, "What a step of `reactive` waits for"] = None,
        timeout_s: Annotated[Seconds | None, "Seconds for each try"] = None,
        retry: Annotated[RetryPolicy | None, "How often to try, and how long to wait"] = None,
        on_error: Annotated[OnError | None, "`fail` ends the workflow"] = None,
        fallback: Annotated[Any, "What a failed step gives: a value, or a function"] = None,
        input_schema: Annotated[dict[str, Any] | None, "JSON Schema of what it is given"] = None,
        output_schema: Annotated[dict[str, Any] | None, "JSON Schema of what it gives"] = None,
        conversation: Annotated[str, "A name: its steps share one conversation"] = "own",
    ) -> None:
        """Add a step: an agent, a tool, a function of the script, or another workflow."""
        if len(self.added) >= MAX_STEPS:
            raise ValidationError(f"`{self.where}` takes at most {MAX_STEPS} steps")
        where = f"{self.where}:add_step"
        step = Step(
            name=name,
            kind=kind_of(agent=agent, tool=tool, run=run, workflow=workflow),
            agent=agent,
            prompt=prompt,
            tool=tool,
            arguments=arguments,
            run=run,
            workflow=workflow,
            inputs=inputs,
            needs=needs,
            when=condition(when, "when", where),
            otherwise=otherwise,
            on=source(on, where),
            timeout_s=timeout_s,
            retry=retry,
            on_error=on_error or ("fail" if fallback is None else "fallback"),
            fallback=fallback,
            input_schema=input_schema,
            output_schema=output_schema,
            conversation=conversation,
        )
        self._places.setdefault(name, len(self.added))
        self.added.append(step)

    @method(example={"inputs": {"topic": "owls"}}, returns=_RESULT)
    async def run(self, inputs: Inputs = None, *, ctx: CallContext) -> dict[str, Any]:
        """Run all of it, and wait for its end."""
        return await self.bridge.running(self, ctx).start(inputs or {})

    @method(example={"inputs": {"topic": "owls"}}, returns=_EVENTS)
    async def run_with_progress(
        self, inputs: Inputs = None, *, ctx: CallContext
    ) -> AsyncIterator[dict[str, Any]]:
        """Run all of it, and see what happens as it happens."""
        async with aclosing(self.bridge.events(self, ctx, inputs or {})) as events:
            async for event in events:
                yield event

    @method(example={}, returns=_FAULTS)
    async def validate(self, inputs: Inputs = None, *, ctx: CallContext) -> dict[str, Any]:
        """Find what is wrong before anything runs; with `inputs`, names in templates as well."""
        found = await self.checked(ctx, inputs)
        return {
            "valid": not found.errors,
            "errors": found.errors,
            "warnings": found.warnings,
        }

    @method(example={}, returns="`name`, `kind`, `description`, `steps`")
    async def metadata(self) -> dict[str, Any]:
        """Describe the workflow and its steps."""
        return describe(self)

    async def checked(self, ctx: CallContext, inputs: Mapping[str, Any] | None = None) -> Checked:
        """Compile the templates and look for mistakes; `inputs` are known when it is run."""
        return await check(self, ctx.session, inputs)

    def place(self, step: Step) -> int:
        """Count the steps before this one; of those with the same name, the first counts."""
        return self._places[step.name]

    def sees(self, step: Step) -> set[str]:
        """Name the steps that have ended when `step` begins: what it may refer to."""
        raise NotImplementedError

    def before(self, step: Step) -> list[str]:
        """Name the steps whose outputs `step` is given."""
        raise NotImplementedError

    def flaws(self) -> list[str]:
        """Say what is wrong with the kind's own arguments, and how the steps hang together."""
        return []


class KeptFlow(Flow):
    """A workflow whose runs can be kept, and resumed."""

    @method(example={"id": "…"}, returns=_RESULT)
    async def resume(
        self,
        id: Annotated[str, "The `id` of the run to go on with"],
        *,
        ctx: CallContext,
    ) -> dict[str, Any]:
        """Go on with a run that was kept by `checkpoint`; what had finished is not run again."""
        return await self.bridge.running(self, ctx).resume(id)
