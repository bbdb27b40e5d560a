"""Engines whose calls, callbacks, objects and streams go wrong."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from defects import defect
from snake import Run
from snake_objects import Handle

from llmspell_core.values import CallbackRef, HandleRef

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snake_objects import Making

    from llmspell_core.values import Value

AT_ONCE = (
    "callbacks-error-kind-kept",
    "callbacks-concurrent",
    "callbacks-nesting-limit",
    "concurrency-answers-not-mixed",
    "concurrency-order-of-results",
    "limits-calls-in-flight",
    "limits-calls-in-flight-are-no-more",
    "calls-unanswered-at-the-end",
)
"""Cases that need several calls in flight."""


@defect("concurrency-barrier", *AT_ONCE)
class Blocking(Run):
    """Makes one call at a time."""

    def calls_in_flight(self) -> int:
        return 1


@defect("limits-calls-in-flight-are-no-more")
class Unbounded(Run):
    """Makes as many calls at once as the script likes."""

    def calls_in_flight(self) -> int:
        return 10_000


@defect("concurrency-answers-not-mixed", *AT_ONCE)
class MixedAnswers(Run):
    """Gives an answer to the call that waits longest, not to the one it belongs to."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.waiting: list[asyncio.Future[Any]] = []

    async def call(self, target: str | int, method: str, sent: list[Any]) -> Any:
        mine = asyncio.get_running_loop().create_future()
        self.waiting.append(mine)
        try:
            answer = await super().call(target, method, sent)
        except BaseException:
            self.waiting.remove(mine)
            raise
        self.waiting.pop(0).set_result(answer)
        return await mine


@defect("concurrency-order-of-results", "concurrency-answers-not-mixed", "limits-calls-in-flight")
class OrderOfAnswers(Run):
    """Gives results in the order in which the work was done."""

    def names(self, params: dict[str, Any]) -> dict[str, Any]:
        async def gather(*work: Any) -> list[Any]:
            return [await done for done in asyncio.as_completed([_wait(it) for it in work])]

        return {**super().names(params), "gather": gather}


async def _wait(work: Any) -> Any:
    return await work


@defect("calls-unanswered-at-the-end", "concurrency-failure-unobserved")
class SilentEnd(Run):
    """Says nothing of what nobody waited for."""

    async def end(self, main: asyncio.Future[Any]) -> None:
        told, self.session._on_log = self.session._on_log, None
        try:
            await super().end(main)
        finally:
            self.session._on_log = told


@defect("calls-unanswered-at-the-end")
class LeftRunning(Run):
    """Leaves calls running when the run has ended."""

    async def end(self, main: asyncio.Future[Any]) -> None:
        if main.done():
            self.pending = [call for call in self.pending if call.where != "probe.never"]
        await super().end(main)


@defect("calls-sequence")
class TwiceAsked(Run):
    """Makes a call again, to be sure."""

    async def call(self, target: str | int, method: str, sent: list[Any]) -> Any:
        if method == "take_text":
            await super().call(target, method, sent)
        return await super().call(target, method, sent)


@defect("callbacks-closure", "callbacks-print")
class TwiceCalled(Run):
    """Calls a function of the script twice."""

    async def invoke(self, number: int, args: Sequence[Value]) -> Value:
        if not asyncio.iscoroutinefunction(self.functions[number]):
            await super().invoke(number, args)
        return await super().invoke(number, args)


@defect("callbacks-apply")
class SwappedArguments(Run):
    """Gives a callback its arguments in another order."""

    async def invoke(self, number: int, args: Sequence[Value]) -> Value:
        return await super().invoke(number, list(reversed(args)))


@defect("callbacks-identity")
class Renumbered(Run):
    """Gives the same function another number each time."""

    def callback(self, function: Any) -> CallbackRef:
        number = len(self.functions) + 1
        self.functions[number] = function
        return CallbackRef(number)


@defect("callbacks-kept", "callbacks-identity")
class ForgottenCallbacks(Run):
    """Forgets a function once its call has ended."""

    async def call(self, target: str | int, method: str, sent: list[Any]) -> Any:
        try:
            return await super().call(target, method, sent)
        finally:
            if method == "keep" and len(self.functions) == 1:
                self.functions = {1: _forgotten}


def _forgotten(*args: Any) -> None:
    text = "this function is no longer there"
    raise LookupError(text)


@defect("callbacks-concurrent")
class CallbacksInTurn(Run):
    """Runs one callback at a time."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.turn = asyncio.Lock()

    async def invoke(self, number: int, args: Sequence[Value]) -> Value:
        if self.functions[number].__name__ != "meet":
            return await super().invoke(number, args)
        async with self.turn:
            return await super().invoke(number, args)


@defect("callbacks-nesting-limit")
class BottomlessCallbacks(Run):
    """Does not count how deep callbacks nest."""

    async def invoke(self, number: int, args: Sequence[Value]) -> Value:
        if self.functions[number].__name__ == "down" and list(args) == [12]:
            return 0
        return await super().invoke(number, args)


@defect("streams-break", "limits-handles-are-held-at-once")
class LeakedStreams(Run):
    """Keeps a stream open that the script has left."""

    async def release(self, number: int) -> None:
        return


@defect("streams-as-they-come", "streams-break", "streams-fail-midway")
class CollectedStreams(Run):
    """Reads a stream to its end before it gives the first item."""

    def handle(self, ref: HandleRef) -> Any:
        return Collected(self, ref) if ref.type == "stream" else super().handle(ref)


class Collected(Handle):
    """A stream that gives nothing before it has everything."""

    async def __aiter__(self) -> Any:
        for item in [item async for item in super().__aiter__()]:
            yield item


@defect("streams-long")
class LossyStreams(Run):
    """Loses the last item of a full batch."""

    def batch(self, items: list[Any]) -> list[Any]:
        return items[:-1] if len(items) == 32 else items


@defect(
    "streams-all",
    "streams-break",
    "streams-fail-midway",
    "streams-long",
    "limits-handles-are-held-at-once",
)
class StaleStreams(Run):
    """Gives an item twice."""

    def batch(self, items: list[Any]) -> list[Any]:
        return [*items[:1], *items] if items and isinstance(items[0], int) else items


@defect("streams-fail-midway")
class EndedStreams(Run):
    """Takes a stream's failure for its end."""

    async def call(self, target: str | int, method: str, sent: list[Any]) -> Any:
        try:
            return await super().call(target, method, sent)
        except OSError:
            if method != "next":
                raise
            return {"items": [], "done": True}


@defect("handles-identity")
class Doubles(Run):
    """Makes another object for the same number."""

    def handle(self, ref: HandleRef) -> Any:
        return Handle(self, ref)


@defect("handles-two", "limits-handles-are-held-at-once")
class OneHandle(Run):
    """Takes every object for the first one of its type."""

    def handle(self, ref: HandleRef) -> Any:
        known = [it for it in self.objects.values() if it.ref.type == ref.type]
        return known[0] if known else super().handle(ref)


@defect("handles-methods", "handles-as-argument", "handles-two")
class EagerlyClosed(Run):
    """Closes an object of the host after its first use."""

    async def call(self, target: str | int, method: str, sent: list[Any]) -> Any:
        answer = await super().call(target, method, sent)
        if method == "add" and isinstance(target, int):
            await self.session.handles.release(target)
        return answer


@defect("builders-validate")
class ReversedSteps(Run):
    """Sends a builder's steps in another order."""

    def add_step(self, builder: Making, name: str, args: tuple[Any, ...]) -> None:
        builder._steps.insert(0, (name, args))


@defect("builders-run", "builders-validate")
class LostSteps(Run):
    """Keeps a builder's last step alone."""

    def add_step(self, builder: Making, name: str, args: tuple[Any, ...]) -> None:
        builder._steps[:] = [(name, args)]


@defect("builders-no-call-before")
class EagerBuilders(Run):
    """Tells the host of each step at once."""

    def add_step(self, builder: Making, name: str, args: tuple[Any, ...]) -> None:
        super().add_step(builder, name, args)
        self.start("probe", "seen", [name])
