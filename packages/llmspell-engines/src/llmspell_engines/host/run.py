"""One spell on one worker: its calls go to dispatch, its limits end it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from llmspell_core import dispatch
from llmspell_core.errors import (
    CancelledSpellError,
    ConversionError,
    InternalError,
    LlmspellError,
)
from llmspell_core.handles import CLOSE_TIMEOUT_S
from llmspell_core.limits import limit_error
from llmspell_engines import protocol as p
from llmspell_engines.codec import encode
from llmspell_engines.host.calls import (
    UNSENT_BYTES,
    Flow,
    OpenCall,
    call_parts,
    current_call,
    start,
)
from llmspell_engines.host.inbox import Inbox
from llmspell_engines.host.invocations import Invocations
from llmspell_engines.host.records import KnownErrors, from_record, to_record
from llmspell_engines.host.wall_clock import WallClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_core.session import Session
    from llmspell_core.values import Value
    from llmspell_engines.codec import Reading
    from llmspell_engines.host.exit import Exit
    from llmspell_engines.host.worker import Worker

_FAILURE_BYTES = 1024 * 1024
_MAX_ID = 2**32 - 1


class Run:
    """Drives one START (or VALIDATE) to its end; afterwards the worker is of no further use."""

    def __init__(self, worker: Worker, session: Session) -> None:
        """Tie a READY worker to a run's session."""
        self._worker = worker
        self._session = session
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[Value] = self._loop.create_future()
        self._started = 0.0
        self._done = False
        self._calls: dict[int, OpenCall] = {}
        self._leaving: set[OpenCall] = set()
        self._in_flight: Counter[int] = Counter()
        self._flow = Flow(worker, session.fail)
        self._inbox = Inbox(self._flow, self._read)
        nesting = session.limits.callback_nesting
        self._invocations = Invocations(
            self._send, self._to_error, self._flow, session.fail, nesting
        )
        self._errors = KnownErrors()
        self._releases: set[asyncio.Task[None]] = set()
        self._handlers: dict[int, Callable[[int, Reading], None]] = {
            p.CALL: self._on_call,
            p.DONE: self._on_done,
            p.FAILED: self._on_failed,
            p.LOG: self._on_log,
            p.RETURN: partial(self._on_answer, failed=False),
            p.RAISE: partial(self._on_answer, failed=True),
            p.CANCEL_CALL: self._on_cancel_call,
            p.RELEASE: self._on_release,
        }

    async def execute(self, kind: int, payload: bytes) -> Value:
        """Send the first message, and serve the worker until the run has ended.

        Raises:
            LlmspellError: what ended it other than a result.
        """
        session, worker = self._session, self._worker
        session.invoker, session.on_fatal = self._invocations.invoke, self._fail
        self._started = time.perf_counter()
        worker.attach(self._on_message, self._on_exit, self._limit_hit)
        if session.limits.cpu_s is not None:
            worker.watched.limit_cpu(session.limits.cpu_s)
        time_out, hold_to = partial(self._limit_hit, "timeout"), worker.watched.limit_time
        clock = WallClock(self._loop, session.limits.timeout_s, time_out, hold_to)
        session.on_hold.append(clock.hold)
        try:
            worker.send(kind, 0, payload)
            if session.fatal is not None:
                raise session.fatal
            return await self._ended
        finally:
            clock.end()
            session.on_hold.remove(clock.hold)
            session.on_fatal = None
            self._flow.end()
            worker.kill("done" if self._done else "failed")
            if not self._done:
                worker.read_out()
            session.invoker = None
            await self._clean_up()

    async def _clean_up(self) -> None:
        """Cancel what still runs on the host's side, and wait until it is gone, but not for ever."""
        tasks = [c.task for c in (*self._calls.values(), *self._leaving) if c.task is not None]
        for task in tasks:
            task.cancel()
        self._invocations.cancel()
        gone = asyncio.gather(*tasks, *self._releases, return_exceptions=True)
        if not gone.done():
            await asyncio.wait({gone}, timeout=CLOSE_TIMEOUT_S)

    def _elapsed_ms(self) -> int:
        return min(int((time.perf_counter() - self._started) * 1000), _MAX_ID)

    def _send(self, kind: int, number: int, payload: bytes, *, gather: bool = False) -> None:
        if not self._ended.done():
            self._worker.send(kind, number, payload, self._elapsed_ms(), gather=gather)
            if self._worker.unsent_bytes > UNSENT_BYTES:
                self._session.fail(limit_error("unread_answers", UNSENT_BYTES))

    # -- what the worker says -------------------------------------------------------------

    def _on_message(self, kind: int, number: int, payload: bytes) -> None:
        if not self._unheard(kind):
            self._inbox.receive(kind, number, payload)

    def _unheard(self, kind: int) -> bool:
        """Whether the end has come for messages of this kind: what it printed is still shown."""
        return self._done or (self._ended.done() and kind != p.LOG)

    def _read(self, kind: int, number: int, reading: Reading) -> None:
        if self._unheard(kind):
            return
        handler = self._handlers.get(kind)
        try:
            if handler is None:
                self._broken(f"an unexpected message of kind {kind}")
            else:
                handler(number, reading)
        except ConversionError as error:
            self._broken(f"a message that cannot be read: {error.message}")

    def _on_call(self, number: int, reading: Reading) -> None:
        if number in self._calls:
            self._broken("a call with the number of another one")
            return
        try:
            target, method, args, parent = call_parts(reading.value())
        except ConversionError as error:
            self._answer_error(number, error)
            return
        depth = self._invocations.depth(parent)
        if self._in_flight[depth] >= self._session.limits.calls_in_flight:
            self._broken("more calls in flight than allowed")
            return
        self._in_flight[depth] += 1
        where = f"{target}.{method}" if isinstance(target, str) else method
        call = self._calls[number] = OpenCall(number, where, depth, reading)
        self._flow.weigh(call.weight)
        call.task = start(self._loop, self._call(call, target, method, args))
        call.task.add_done_callback(lambda _: self._forget(call))

    async def _call(self, call: OpenCall, target: str | int, name: str, args: list[Value]) -> None:
        current_call.set(call)
        try:
            references = call.references
            value = await dispatch.call(self._session, target, name, args, references=references)
            payload = encode(value)
        except LlmspellError as error:
            self._free(call)
            self._answer_error(call.number, error)
            return
        except Exception as raised:  # noqa: BLE001 - a call without an answer is a spell that hangs
            unforeseen = InternalError(f"`{call.where}` failed: {type(raised).__name__}")
            unforeseen.__cause__ = raised
            self._free(call)
            self._answer_error(call.number, unforeseen)
            return
        self._free(call)
        # a spell with other calls under way is likely to get several answers in this turn
        gather = self._in_flight[call.depth] > 0
        self._send(p.RESULT, call.number, payload, gather=gather)

    def _free(self, call: OpenCall) -> None:
        """Free the call's place, before its answer leaves: the guest reuses it at once."""
        if self._calls.get(call.number) is call:
            del self._calls[call.number]
            self._in_flight[call.depth] -= 1

    def _forget(self, call: OpenCall) -> None:
        """Let go of a call that has ended, one that was cancelled before it began included."""
        self._free(call)
        self._flow.weigh(-call.weight)
        self._leaving.discard(call)
        self._flow.leave(len(self._leaving))
        call.task = None

    def _answer_error(self, number: int, error: LlmspellError) -> None:
        payload = encode(to_record(error, number))
        self._errors.add(number, error, len(payload))
        self._send(p.ERROR, number, payload)

    def _on_done(self, _: int, reading: Reading) -> None:
        limits = self._session.limits
        if reading.size > limits.result_bytes:
            self._fail(limits.exceeded("result"))
            return
        try:
            value = reading.value()
        except ConversionError as error:
            self._fail(error)
            return
        self._warn_of_open_calls()
        if self._session.fatal is not None:
            self._fail(self._session.fatal)
        elif not self._ended.done():
            self._done = True
            self._ended.set_result(value)

    def _warn_of_open_calls(self) -> None:
        if self._calls:
            names = ", ".join(sorted({call.where for call in self._calls.values()}))
            what = "1 call was" if len(self._calls) == 1 else f"{len(self._calls)} calls were"
            text = f"{what} still running when the spell ended, and cancelled: {names}"
            self._session.log("warn", text)

    def _on_failed(self, _: int, reading: Reading) -> None:
        limits = self._session.limits
        # an error is no result: a low limit of that must not take its place
        if reading.size > max(limits.result_bytes, _FAILURE_BYTES):
            self._fail(limits.exceeded("result"))
        else:
            self._fail(self._to_error(reading.value()))

    def _to_error(self, record: Value) -> LlmspellError:
        """Read an error record; one of our own errors that came back is found again."""
        ref = record.get("ref") if isinstance(record, dict) else None
        return from_record(record, self._session.limits, self._errors.find(ref))

    def _on_log(self, _: int, reading: Reading) -> None:
        match reading.value():
            case ["log" | "info" | "warn" | "error" | "debug" | "write" as level, str(text)]:
                self._session.log(level, text)
            case _:
                self._broken("a log of the wrong shape")

    def _on_answer(self, number: int, reading: Reading, *, failed: bool) -> None:
        if not self._invocations.answer(number, reading, failed=failed):
            self._broken("an answer to a callback that nobody invoked")

    def _on_cancel_call(self, number: int, _: Reading) -> None:
        call = self._calls.get(number)
        if call is not None and call.task is not None:
            # the guest has its place again, whatever the method does before it ends
            self._free(call)
            self._leaving.add(call)
            self._flow.leave(len(self._leaving))
            call.task.cancel()

    def _on_release(self, number: int, _: Reading) -> None:
        task = self._loop.create_task(self._release(number))
        self._releases.add(task)
        task.add_done_callback(self._releases.discard)

    async def _release(self, number: int) -> None:
        try:
            await self._session.handles.release(number)
        except Exception as error:  # noqa: BLE001 - nobody waits for it; it must not be lost
            self._session.record({"event": "close_failed", "error": repr(error)})

    # -- the end --------------------------------------------------------------------------

    def _fail(self, error: LlmspellError) -> None:
        """End the run; what the session was told to fail with comes first."""
        if not self._ended.done():
            self._ended.set_exception(self._session.fatal or error)
            self._worker.kill("failed")

    def _limit_hit(self, limit: str) -> None:
        """End the run with the limit that its worker was killed for, or is about to be."""
        self._session.fail(self._session.limits.exceeded(limit))

    def _broken(self, what: str) -> None:
        text = f"{self._session.name}: the worker broke the protocol: {what}"
        self._fail(InternalError(text))

    def _on_exit(self, exit_: Exit) -> None:
        if self._ended.done():
            return
        name = self._session.name
        error: LlmspellError
        if exit_.limit is not None:
            self._limit_hit(exit_.limit)
            return
        if exit_.reason == "closed":
            error = CancelledSpellError(f"{name}: the runtime was closed while the spell ran")
        else:
            error = InternalError(f"{name}: the script engine ended unexpectedly: {exit_}")
        self._session.fail(error)
        self._fail(error)
