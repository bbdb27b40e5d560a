"""The bridge `workflow`: what a spell asks of workflows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from llmspell_bridges.workflow import importing
from llmspell_bridges.workflow.kinds import KINDS
from llmspell_bridges.workflow.run import Run
from llmspell_core import Bridge, Session, ValidationError, WorkflowError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from llmspell_bridges.workflow.flow import Flow
    from llmspell_core import CallContext

    Emit = Callable[[dict[str, Any]], Awaitable[None]]

_SHOWN = 20
"""How many mistakes one error names."""


class WorkflowBridge(Bridge):
    """Workflows over langgraph: in order, at once, on conditions, in loops, as graphs."""

    name = "workflow"
    scope = "run"
    builders = KINDS

    def __init__(self, session: Session | None = None) -> None:
        """Take the run."""
        self._session = session or Session()

    def for_run(self, session: Session) -> WorkflowBridge:
        """Make the instance of one run."""
        return type(self)(session)

    async def open(self) -> None:
        """Start importing langgraph, in the background."""
        importing.start_import()

    async def execute(
        self,
        flow: Flow,
        ctx: CallContext,
        *,
        inputs: Mapping[str, Any] | None = None,
        resume: str | None = None,
        emit: Emit | None = None,
    ) -> dict[str, Any]:
        """Run a workflow, or go on with a run of it; return its result.

        Raises:
            ValidationError: something is wrong with it; nothing was run.
            WorkflowError: a step failed.
        """
        found = await flow.checked(ctx, inputs)
        if found.errors:
            raise _refused(flow, found.errors)
        graphs: Any = await importing.graphs()
        run = Run(flow, found.texts, ctx.session, inputs or {}, emit)
        clock = asyncio.timeout(flow.timeout_s)
        try:
            async with clock:
                with ctx.session.pausing(clock):  # a question takes as long as it takes
                    await run.tell("started")
                    return await graphs.outermost(lambda: graphs.invoke(run))
        except TimeoutError:
            if not clock.expired():
                raise
            text = f"the workflow `{flow.title}` did not end within {flow.timeout_s:g} s"
            error = WorkflowError(text)
            run.failed(error)
            raise error from None

    async def events(
        self, flow: Flow, ctx: CallContext, **how: Any
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Run a workflow as `execute` does, and tell of each step; the last event is the result."""
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(maxsize=1)
        work = asyncio.ensure_future(self.execute(flow, ctx, emit=queue.put, **how))
        waiting: set[asyncio.Future[Any]] = {work}
        try:
            while not (work.done() and queue.empty()):
                event = asyncio.ensure_future(queue.get())
                waiting.add(event)
                await asyncio.wait({event, work}, return_when=asyncio.FIRST_COMPLETED)
                if event.done():
                    yield event.result()
                else:  # it has ended; what was told last stays in the queue
                    event.cancel()
                    await asyncio.wait({event})
                waiting.discard(event)
            yield {"type": "end", **await work}
        finally:
            for each in waiting:
                each.cancel()
            # not awaited: whoever left early does not want the error
            await asyncio.gather(*waiting, return_exceptions=True)


def _refused(flow: Flow, errors: list[str]) -> ValidationError:
    more = f" (and {len(errors) - _SHOWN} more)" if len(errors) > _SHOWN else ""
    listed = "; ".join(errors[:_SHOWN])
    return ValidationError(f"the workflow `{flow.title[:80]}` cannot run: {listed}{more}")
