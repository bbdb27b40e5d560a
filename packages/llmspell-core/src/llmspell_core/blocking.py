"""Engines whose interpreter blocks: each run has a thread, and calls the host from there.

::

    class MyEngine(BlockingEngine):
        info = EngineInfo(name="my", language="My", version="1.0", suffixes=(".my",))

        async def check_syntax(self, script, name): ...

        def evaluate(self, script, params, session):
            return my.run(script, params, call=session.call, stop=lambda: session.ended)
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextvars import copy_context
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, NoReturn, ParamSpec, TypeVar

import msgspec

from llmspell_core import dispatch
from llmspell_core.console import console_text
from llmspell_core.engine import ScriptEngine
from llmspell_core.errors import (
    CancelledSpellError,
    ConversionError,
    InternalError,
    LlmspellError,
)
from llmspell_core.handles import CLOSE_TIMEOUT_S
from llmspell_core.limits import show_bytes
from llmspell_core.offered import declined_in
from llmspell_core.values import (
    DEFAULT_BOUNDS,
    Bounds,
    check_value,
    plain,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from llmspell_core.engine import EngineConfig
    from llmspell_core.session import Session
    from llmspell_core.values import Value

T = TypeVar("T")
P = ParamSpec("P")

_UNSIZED = Bounds(message_bytes=2**63)
"""The bounds of a result but for its size, which the run's limits and the message's bound say."""


class BlockingEngine(ScriptEngine):
    """An engine that runs a script by blocking a thread, in the host's process.

    When a run is over before its script is (cancelled, a limit, the engine closed), its open call
    is cancelled, its `BlockingSession` is `ended`, and whatever it then asks for is refused. A
    thread that does not look is left to itself after `CLOSE_TIMEOUT_S`: nothing can end it.
    """

    threads: ClassVar[int] = 256
    """How many scripts run at once; one more waits until another has ended."""

    def __init__(self, config: EngineConfig | None = None) -> None:
        """Prepare the threads; each begins when it is first needed."""
        super().__init__(config)
        self._pool = ThreadPoolExecutor(self.threads, f"llmspell-{self.name}")
        self._runs: dict[BlockingSession, asyncio.Future[Value]] = {}

    @abstractmethod
    def evaluate(self, script: str, params: dict[str, Any], session: BlockingSession) -> Value:
        """Run `script` in the thread this is called in, and return its result.

        It reaches the host through `session` alone, and returns soon once `session.ended`. In the
        result, as in the arguments of calls, a `CallbackRef` stands for a function of the script,
        and a `Foreign` for what cannot cross.

        Raises:
            LlmspellError: the script's failure.
        """

    async def run_script(self, script: str, params: dict[str, Any], session: Session) -> Value:
        """Evaluate `script` in a thread; when that is not waited for, end it and its call.

        Raises:
            LlmspellError: what ended it other than a result.
        """
        run = BlockingSession(self, session)
        work = self._pool.submit(copy_context().run, self._evaluate, script, params, run)
        thread = self._runs[run] = asyncio.wrap_future(work)
        thread.add_done_callback(_look)
        session.on_fatal = lambda _: run.end()
        either: set[asyncio.Future[Any]] = {thread, run.over}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            cut_short = run.ended
        finally:
            session.on_fatal = None
            del self._runs[run]
            run.end()
            work.cancel()
            await asyncio.wait({thread, run.latest}, timeout=CLOSE_TIMEOUT_S)
        if session.fatal is not None:
            raise session.fatal
        if cut_short:
            raise run.refusal()
        return thread.result()

    async def close(self) -> None:
        """End what still runs, and let the threads go."""
        for run in self._runs:
            run.end()
        if self._runs:
            await asyncio.wait(self._runs.values(), timeout=CLOSE_TIMEOUT_S)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _evaluate(self, script: str, params: dict[str, Any], run: BlockingSession) -> Value:
        """Hold what goes in and what comes out to what the engine offers and a run may return."""
        try:
            run.check_offered(params)
            result = self.evaluate(script, params, run)
        except LlmspellError:
            raise
        except Exception as raised:  # the boundary: nothing may pass untyped
            text = f"the engine `{self.name}` failed: {type(raised).__name__}: {raised}"
            raise InternalError(text) from raised
        check_value(result, bounds=_UNSIZED, references=False)
        value = plain(result)
        size = len(msgspec.msgpack.encode(value))
        if size > run.session.limits.result_bytes:
            raise run.session.limits.exceeded("result")
        if size > DEFAULT_BOUNDS.message_bytes:
            most = show_bytes(DEFAULT_BOUNDS.message_bytes)
            text = f"the spell's result cannot be larger than {most}"
            raise ConversionError(text)
        return value


def _look(thread: asyncio.Future[Any]) -> None:
    """Look at what a thread ended with, also where nobody waits for it any more."""
    if not thread.cancelled():
        thread.exception()


def _remembered(
    method: Callable[Concatenate[BlockingSession, P], T],
) -> Callable[Concatenate[BlockingSession, P], T]:
    """Keep the error that a method raises, see `BlockingSession.error`."""

    @wraps(method)
    def remembering(self: BlockingSession, /, *args: P.args, **named: P.kwargs) -> T:
        try:
            return method(self, *args, **named)
        except LlmspellError as error:
            self.error = error
            raise

    return remembering


class BlockingSession:
    """A run as its thread sees it: each method waits until the host's event loop has answered."""

    def __init__(self, engine: BlockingEngine, session: Session) -> None:
        """Begin with nothing called; made on the event loop."""
        self.session = session
        """The run itself; it belongs to the event loop, so the thread reads it alone."""
        self.error: LlmspellError | None = None
        """The latest error that a method raised: interpreters may keep no more than its text."""
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.latest: asyncio.Future[Any] = self.over
        """What the event loop does for the thread, or did at last."""
        self._engine = engine
        self._warned: set[str] = set()

    @property
    def name(self) -> str:
        """What the script is called in errors."""
        return self.session.name

    @property
    def ended(self) -> bool:
        """Whether the run is over, and nobody waits for the script any more."""
        return self.over.done()

    def manifest(self) -> dict[str, Any]:
        """Describe the bridges, by name: their `methods` and `builders`."""
        return self.session.manifest()

    @_remembered
    def call(self, target: str | int, method: str, args: Sequence[Value]) -> Value:
        """Call a bridge by name, or a handle by number, and wait for the answer.

        Raises:
            LlmspellError: it failed, was refused, or came after the end.
        """
        given = list(args)
        check_value(given)
        self.check_offered(given)
        answer = self._wait(lambda: dispatch.call(self.session, target, method, given))
        self.check_offered(answer)
        return answer

    @_remembered
    def log(self, level: str, values: Sequence[Any]) -> None:
        """Print values, as `console` does.

        Raises:
            LlmspellError: the spell printed too much, or after the end.
        """
        text = console_text(values)

        async def log() -> None:
            self.session.log(level, text)
            if self.session.fatal is not None:
                raise self.session.fatal

        self._wait(log)

    @_remembered
    def env(self, name: str | None = None) -> Any:
        """Return a granted variable, or all of them; warn once of one that was not granted.

        Raises:
            LlmspellError: it came after the end.
        """

        async def env() -> Any:
            found = self.session.env
            if name is None:
                return dict(found)
            granted = name in found or self.session.permissions.allows("env", name)
            if not granted and name not in self._warned:
                self._warned.add(name)
                text = f"env.{name} is not granted; allow it with --allow-env={name}"
                self.session.log("warn", text)
            return found.get(name)

        return self._wait(env)

    @_remembered
    def decline(self, capability: str) -> NoReturn:
        """Refuse what the engine does not offer, a noun of `CAPABILITIES`.

        Raises:
            UnsupportedError: always.
        """
        raise self._engine.declined(capability)

    def check_offered(self, value: Value) -> None:
        """Refuse a value that holds what the engine declines.

        Raises:
            UnsupportedError: it says which capability that is.
        """
        capability = declined_in(value, self._engine.capabilities)
        if capability is not None:
            raise self._engine.declined(capability)

    def end(self) -> None:
        """Be over: cancel what the thread waits for; called on the event loop."""
        if not self.over.done():
            self.over.set_result(None)
        self.latest.cancel()

    def refusal(self) -> LlmspellError:
        """Make the error of what is asked for after the end."""
        text = f"{self.name}: the run is over: it was cancelled, or its engine was closed"
        return self.session.fatal or CancelledSpellError(text)

    def _wait(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Have the event loop do `work`, unless the run is over by then."""

        async def task() -> T:
            self.latest = asyncio.current_task() or self.latest
            if self.ended:
                raise asyncio.CancelledError
            return await work()

        if self.ended:
            raise self.refusal()
        try:
            return asyncio.run_coroutine_threadsafe(task(), self.over.get_loop()).result()
        except CancelledError:
            raise self.refusal() from None
