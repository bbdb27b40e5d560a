"""A workflow from its start to its end, with or without a checkpoint."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from llmspell_bridges.workflow import importing
from llmspell_bridges.workflow.run import Run
from llmspell_core import LlmspellError, ValidationError, WorkflowError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from llmspell_bridges.workflow.flow import Flow
    from llmspell_bridges.workflow.run import Emit
    from llmspell_bridges.workflow.settings import WorkflowSettings
    from llmspell_core import CallContext

_SHOWN = 20
"""How many mistakes one error names."""


class Running:
    """One workflow that a script runs."""

    def __init__(
        self, flow: Flow, ctx: CallContext, settings: WorkflowSettings, emit: Emit | None
    ) -> None:
        """Prepare; `emit` is called with each event."""
        self._flow = flow
        self._ctx = ctx
        self._settings = settings
        self._emit = emit

    async def start(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Run the workflow, and return its result.

        Raises:
            ValidationError: something is wrong with it; nothing was run.
            WorkflowError: a step failed, or it took too long.
        """
        run = await self._prepared(inputs)
        graphs: Any = await importing.graphs()
        if self._flow.reactive:
            from llmspell_bridges.workflow.reactive import react

            return await self._bounded(run, lambda: react(run))
        if not self._flow.checkpoint:
            return await self._bounded(run, lambda: graphs.invoke(run))
        kept: Any = await importing.checkpoints()
        run_id = kept.new_id()
        state = {"steps": {}, "about": kept.about(self._flow, run.inputs)}

        async def work() -> dict[str, Any]:
            async with kept.opened(self._settings) as saver:
                await saver.forget(self._settings.keep - 1)
                run.saver = saver
                await self._begun(run, run_id)
                result: dict[str, Any] = await graphs.start(run, kept.config_of(run_id), state)
                return result

        return await self._bounded(run, work, run_id)

    async def resume(self, run_id: str) -> dict[str, Any]:
        """Go on with a run that was kept; return its result.

        Raises:
            ValidationError: something is wrong with the workflow; nothing was run.
            WorkflowError: there is no such run, it is of another workflow, or a step failed.
        """
        run = await self._prepared(None)
        graphs: Any = await importing.graphs()
        kept: Any = await importing.checkpoints()

        async def work() -> dict[str, Any]:
            async with kept.opened(self._settings) as saver:
                run.inputs = await kept.found(saver, self._flow, run_id)
                run.saver = saver
                await self._begun(run, run_id, resumed=True)
                try:
                    result: dict[str, Any] = await graphs.resume(run, kept.config_of(run_id))
                except (AttributeError, KeyError, LookupError, TypeError, ValueError) as error:
                    if isinstance(error, LlmspellError):
                        raise
                    # no step raises these (`stepping`): it is what stands in the file
                    raise kept.damaged(run_id) from error
                return result

        return await self._bounded(run, work, run_id)

    async def _prepared(self, inputs: Mapping[str, Any] | None) -> Run:
        found = await self._flow.checked(self._ctx, inputs)
        if found.errors:
            more = len(found.errors) - _SHOWN
            listed = "; ".join(found.errors[:_SHOWN]) + (f" (and {more} more)" if more > 0 else "")
            raise ValidationError(f"the workflow `{self._flow.title[:80]}` cannot run: {listed}")
        return Run(self._flow, found.texts, self._ctx.session, inputs or {}, self._emit)

    async def _bounded(
        self, run: Run, work: Callable[[], Awaitable[dict[str, Any]]], run_id: str | None = None
    ) -> dict[str, Any]:
        """Do the work within the workflow's own time; errors and results tell the run's id."""
        flow = self._flow
        graphs: Any = await importing.graphs()
        clock = asyncio.timeout(None if flow.reactive else flow.timeout_s)
        try:
            async with clock:
                with self._ctx.session.pausing(clock):  # a question takes as long as it takes
                    if run_id is None:
                        await self._begun(run, None)
                    result: dict[str, Any] = await graphs.outermost(work)
        except TimeoutError as error:
            if not clock.expired():
                raise
            text = f"the workflow `{flow.title}` did not end within {flow.timeout_s:g} s"
            late = WorkflowError(text)
            run.failed(late, run_id if run.saver else None)
            raise late from error
        except LlmspellError as error:
            run.failed(error, run_id if run.saver else None)
            raise
        return result if run_id is None else {"id": run_id, **result}

    async def _begun(self, run: Run, run_id: str | None, *, resumed: bool = False) -> None:
        """Start the clock, and tell how the run is called, so that who kills it can go on."""
        run.begin()
        await run.tell("started", id=run_id)
        if self._emit is None and run_id is not None and not resumed:
            text = f"the workflow `{self._flow.title}` can be resumed as {run_id}"
            self._ctx.session.log("info", text)
