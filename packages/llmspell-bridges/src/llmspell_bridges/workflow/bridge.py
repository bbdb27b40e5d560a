"""The bridge `workflow`: what a spell asks of workflows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from llmspell_bridges.workflow import importing
from llmspell_bridges.workflow.kinds import KINDS
from llmspell_bridges.workflow.running import Running
from llmspell_bridges.workflow.settings import WorkflowSettings
from llmspell_core import Bridge, Session

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from llmspell_bridges.workflow.flow import Flow
    from llmspell_bridges.workflow.run import Emit
    from llmspell_core import CallContext


class WorkflowBridge(Bridge):
    """Workflows over langgraph: in order, at once, on conditions, in loops, as graphs."""

    name = "workflow"
    scope = "run"
    builders = KINDS

    def __init__(self, settings: WorkflowSettings | None = None) -> None:
        """Keep the settings."""
        self._settings = settings or WorkflowSettings()

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> WorkflowBridge:
        """Make the bridge from the host's settings; see `WorkflowSettings`."""
        return cls(WorkflowSettings.read(settings))

    def for_run(self, session: Session) -> WorkflowBridge:  # noqa: ARG002 - each call knows its run
        """Make the instance of one run."""
        return type(self)(self._settings)

    async def open(self) -> None:
        """Start importing langgraph, in the background."""
        importing.start_import()

    def running(self, flow: Flow, ctx: CallContext, emit: Emit | None = None) -> Running:
        """Make what runs a workflow."""
        return Running(flow, ctx, self._settings, emit)

    async def events(
        self, flow: Flow, ctx: CallContext, inputs: Mapping[str, Any]
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Run a workflow, and tell of each step; the last event is the result."""
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(maxsize=1)
        work = asyncio.ensure_future(self.running(flow, ctx, queue.put).start(inputs))
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
