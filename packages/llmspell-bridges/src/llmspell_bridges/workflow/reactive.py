"""Reactive workflows: each step runs whenever what it watches changes.

There is no graph here, and nothing is kept: a step takes its events one after the other, and the
steps run beside each other, until the workflow is stopped.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from llmspell_bridges.workflow.sources import batches, file_changes, ticks
from llmspell_bridges.workflow.stepping import asked, take

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from llmspell_bridges.workflow.run import Run
    from llmspell_bridges.workflow.step import Step

    Event = dict[str, Any]

_AHEAD = 100
"""How many ends of a step may wait for the step that they set off."""


async def react(run: Run) -> dict[str, Any]:
    """Run a reactive workflow until something stops it; return its result.

    Raises:
        WorkflowError: a step failed.
        PermissionDeniedError: a file may not be watched.
    """
    return await _Reactor(run).react()


class _Reactor:
    """The steps of a workflow, each following its source."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.events = 0
        self.status: str | None = None
        self.stop = asyncio.Event()
        self.ends: dict[str, list[asyncio.Queue[Event | None]]] = {}
        self.active = 0
        self.turn = asyncio.Lock()

    async def react(self) -> dict[str, Any]:
        run = self.run
        sources = [(step, await self._source(step)) for step in run.flow.added]
        following = [asyncio.create_task(self._follow(*each)) for each in sources]
        stopped = asyncio.create_task(self.stop.wait())
        try:
            async with asyncio.timeout(run.flow.timeout_s):
                await _first({stopped}, set(following))
        except TimeoutError:
            self.status = self.status or "timeout"
        finally:
            for each in (*following, stopped):
                each.cancel()
            await asyncio.gather(*following, stopped, return_exceptions=True)
        result = await run.result()
        return {**result, "status": self.status or "completed", "events": self.events}

    async def _source(self, step: Step) -> AsyncGenerator[Event, None]:
        on = step.on
        assert on is not None  # noqa: S101 - `check` has seen to it
        if on.file is not None:
            return await file_changes(on.file, self.run.session)
        if on.every_ms is not None:
            return ticks(on.every_ms / 1000)
        if on.step is not None:
            queue: asyncio.Queue[Event | None] = asyncio.Queue(maxsize=_AHEAD)
            self.ends.setdefault(on.step, []).append(queue)
            return _queued(queue)
        return batches(on.stream)

    async def _follow(self, step: Step, source: AsyncGenerator[Event, None]) -> None:
        try:
            async with aclosing(source) as events:
                async for event in events:
                    if not await self._handled(step, event):
                        return
        finally:
            for queue in self.ends.get(step.name, ()):
                if not queue.full():
                    queue.put_nowait(None)

    async def _handled(self, step: Step, event: Event) -> bool:
        """Run the step for one event; say whether to go on."""
        most = self.run.flow.max_events
        if self.stop.is_set() or (most is not None and self.events >= most):
            return False
        self.events += 1
        self.active += 1
        try:
            record = await take(self.run, step, event)
            if record["status"] != "skipped":
                end = {"type": "step", "step": step.name, **record}
                for queue in self.ends.get(step.name, ()):
                    await queue.put(end)
            await self._look(step)
        finally:
            self.active -= 1
        if most is not None and self.events >= most and not self.active:
            self.status = self.status or "max_events"
            self.stop.set()
        return not self.stop.is_set()

    async def _look(self, step: Step) -> None:
        """Ask whether it is time to stop."""
        stop_when = self.run.flow.stop_when
        if stop_when is None:
            return
        async with self.turn:  # one after the other: the function sees each end
            if not self.stop.is_set() and await asked(
                self.run, stop_when, "`stop_when`", step.name
            ):
                self.status = "completed"
                self.stop.set()


async def _first(stopped: set[asyncio.Task[Any]], following: set[asyncio.Task[Any]]) -> None:
    """Wait until it is stopped, all of `following` have ended, or one of them failed."""
    while following and not any(each.done() for each in stopped):
        done, _ = await asyncio.wait(stopped | following, return_when=asyncio.FIRST_COMPLETED)
        following -= done
        for each in done:
            each.result()  # raises what a step did


async def _queued(queue: asyncio.Queue[Event | None]) -> AsyncGenerator[Event, None]:
    while True:
        event = await queue.get()
        if event is None:
            return
        yield event
