"""A good engine over the core's public interface: spells in Python, each line watched by a trace.

It is no sandbox: it is what the defects beside it spoil, one thing each, to see the contract find it.
Every step of a run is a method that a defect may replace. A spell is the body of a coroutine; its
calls begin at once and are awaited, as in JavaScript::

    total = await probe.add(1, 2)
    return {"total": total}
"""

from __future__ import annotations

import ast
import asyncio
import contextvars
import inspect
import sys
import time
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from snake_library import library, show
from snake_objects import Making, Pending, bridge
from snake_values import Values
from snake_watch import EndedError, resident, watch

from llmspell_core import dispatch
from llmspell_core.engine import CAPABILITIES, TRAITS, EngineInfo, ScriptEngine
from llmspell_core.errors import (
    Frame,
    LlmspellError,
    ScriptRuntimeError,
    ScriptSyntaxError,
)
from llmspell_core.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, FrameType

    from llmspell_core.values import Value

_depth: contextvars.ContextVar[int] = contextvars.ContextVar("depth", default=0)


class Run(Values):
    """One run of a spell."""

    def __init__(self, engine: Snake, session: Session) -> None:
        super().__init__()
        self.engine = engine
        self.session = session
        self.pending: list[Pending] = []
        self.included: dict[str, Any] = {}
        self.places: dict[int, asyncio.Semaphore] = {}
        self.clock_ms = session.clock_ms
        self.began = time.monotonic()
        self.began_cpu = time.thread_time()
        self.began_bytes = resident()
        self.lines = 0

    # -- from the start to the end ------------------------------------------------------------

    async def execute(self, script: str, params: dict[str, Any]) -> Value:
        """Run the spell, end what it left, and say how it went."""
        code = self.compiled(script, self.session.name)
        self.session.invoker = self.invoke
        main = asyncio.ensure_future(self.body(code, params))
        self.session.on_fatal = lambda _: main.cancel()
        try:
            done, _ = await asyncio.wait({main}, timeout=self.timeout_s())
        finally:
            await self.end(main)
        if self.session.fatal is not None:
            raise self.session.fatal
        if not done:
            raise self.session.limits.exceeded("timeout")
        error = main.exception()
        if error is not None:
            raise self.failure(error)
        return self.result(main.result())

    def timeout_s(self) -> float | None:
        return self.session.limits.timeout_s

    async def body(self, code: CodeType, params: dict[str, Any]) -> Any:
        names = self.names(params)
        exec(code, names)  # noqa: S102 - what an engine does
        sys.settrace(watch)
        return await names["__spell__"]()

    def names(self, params: dict[str, Any]) -> dict[str, Any]:
        """Make the globals of a spell."""
        bridges = {name: bridge(self, name, it) for name, it in self.session.manifest().items()}
        own = {"params": self.to_script(params), "require": self.require, "spawn": self.spawn}
        return {"__run__": self, **library(self), **own, **bridges}

    async def end(self, main: asyncio.Future[Any]) -> None:
        """Cancel what still runs, and tell what nobody waited for."""
        main.cancel()
        await asyncio.wait({main})
        if not main.cancelled():
            main.exception()  # it was looked at, also where its time was over just then
        for call in self.pending:
            if not call.task.done():
                self.session.log("warn", f"`{call.where}` was still running when the spell ended")
                call.task.cancel()
            elif not call.observed and not call.task.cancelled() and call.task.exception():
                self.session.log("warn", f"`{call.where}`: {call.task.exception()}")
        if self.pending:
            await asyncio.wait({call.task for call in self.pending})
        for call in self.pending:
            if not call.task.cancelled():
                call.task.exception()  # it was looked at
        sys.settrace(None)

    def result(self, value: Any) -> Value:
        """Make the spell's result of what it returned."""
        made = self.from_script(value, references=False)
        size = len(msgspec.msgpack.encode(made))
        if size > self.session.limits.result_bytes:
            raise self.session.limits.exceeded("result")
        return made

    def needs(self, capability: str) -> None:
        """Refuse what the engine declines."""
        if capability not in self.engine.capabilities:
            raise self.engine.declined(capability)

    # -- what crosses ---------------------------------------------------------------------------

    def start(self, target: str | int, method: str, args: Sequence[Any]) -> Pending:
        """Begin a call; its arguments are taken now."""
        sent = [self.from_script(arg) for arg in args]
        call = Pending(self, self.call(target, method, sent), f"{target}.{method}")
        self.pending.append(call)
        return call

    async def call(self, target: str | int, method: str, sent: list[Any]) -> Any:
        async with self.places_at(_depth.get()):
            answer = await dispatch.call(self.session, target, method, sent)
        self.clock_ms = self.session.clock_ms + int((time.monotonic() - self.began) * 1000)
        return self.to_script(answer)

    def places_at(self, depth: int) -> asyncio.Semaphore:
        """Give the places for open calls at a depth of callbacks: each has its own."""
        return self.places.setdefault(depth, asyncio.Semaphore(self.calls_in_flight()))

    def calls_in_flight(self) -> int:
        return self.session.limits.calls_in_flight

    async def invoke(self, number: int, args: Sequence[Value]) -> Value:
        """Run one of the spell's functions for the host."""
        if _depth.get() >= self.session.limits.callback_nesting:
            error = self.session.limits.exceeded("callback_nesting")
            self.session.fail(error)
            raise error
        token = _depth.set(_depth.get() + 1)
        try:
            answer = self.functions[number](*(self.to_script(arg) for arg in args))
            if inspect.isawaitable(answer):
                answer = await answer
            return self.from_script(answer, references=False)
        except Exception as error:  # noqa: BLE001 - the bridge gets it as an error of the tree
            raise self.callback_failure(error) from None
        finally:
            _depth.reset(token)

    def callback_failure(self, error: Exception) -> LlmspellError:
        return self.failure(error)

    def batch(self, items: list[Any]) -> list[Any]:
        """Take the items of a stream as they came."""
        return items

    async def release(self, number: int) -> None:
        """Give an object of the host back."""
        await self.session.handles.release(number)

    def add_step(self, builder: Making, name: str, args: tuple[Any, ...]) -> None:
        builder._steps.append((name, args))

    def spawn(self, work: Any) -> Pending:
        """Start a coroutine of the script, to be awaited later."""
        call = Pending(self, work, "a task")
        self.pending.append(call)
        return call

    def joined(self, values: Sequence[Any]) -> str:
        return " ".join(map(show, values))

    def log(self, level: str, text: str) -> None:
        self.session.log(level, text)
        if self.session.fatal is not None:
            raise self.session.fatal

    def require(self, name: str) -> Any:
        """Run an included spell once, and give what it returned."""
        self.needs("includes")
        if name not in self.session.includes:
            text = f"no spell `{name}` was included"
            raise ScriptRuntimeError(text)
        if name not in self.included:
            self.included[name] = None
            item = self.session.includes[name]
            names = {**self.names({}), "params": self.params_of(sys._getframe(1))}
            exec(self.compiled(item["source"], item["name"], ast.FunctionDef), names)  # noqa: S102
            self.included[name] = names["__spell__"]()
        return self.included[name]

    def params_of(self, frame: FrameType) -> Any:
        return frame.f_globals["params"]

    # -- errors, lines, limits --------------------------------------------------------------------

    def compiled(self, script: str, name: str, kind: Any = ast.AsyncFunctionDef) -> CodeType:
        """Make the body of a function of a script, in its own line numbers."""
        text = script.removeprefix("\ufeff")
        try:
            tree = self.parsed(text, name)
            arguments = ast.arguments([], [], None, [], [], None, [])
            function = kind("__spell__", arguments, tree.body or [ast.Pass()], [], None)
            tree.body = [function]
            return compile(ast.fix_missing_locations(tree), name, "exec")
        except SyntaxError as error:
            line = self.line(error.lineno or 1)
            raise ScriptSyntaxError(error.msg, traceback=[Frame(name, line)]) from None

    def parsed(self, text: str, name: str) -> ast.Module:
        return ast.parse(text, name)

    def failure(self, error: BaseException) -> LlmspellError:
        """Make an error of the tree of whatever a script raised."""
        if isinstance(error, EndedError):
            return error.error
        frames = self.frames(error)
        if isinstance(error, LlmspellError):
            error.traceback = error.traceback or frames
            return error
        thrown = error.args[0] if error.args else None
        details = {}
        if not isinstance(thrown, str) and type(error) is Exception:
            details = {"value": self.from_script(thrown, references=False)}
        if isinstance(error, RecursionError):
            thrown = "stack overflow"
        text = thrown if isinstance(thrown, str) else str(error)
        return ScriptRuntimeError(text, traceback=frames, details=details)

    def frames(self, error: BaseException) -> tuple[Frame, ...]:
        """List the script's frames of an error, the innermost first."""
        found: list[Frame] = []
        step = error.__traceback__
        while step is not None:
            if step.tb_frame.f_globals.get("__run__") is self:
                name = step.tb_frame.f_code.co_filename
                found.append(Frame(name, self.line(step.tb_lineno)))
            step = step.tb_next
        return tuple(reversed(found))

    def line(self, number: int) -> int:
        return number

    def look(self) -> None:
        """Hold the limits between two lines of the script."""
        limits = self.session.limits
        timeout_s = self.timeout_s()
        self.lines += 1
        if timeout_s is not None and time.monotonic() - self.began > timeout_s:
            raise EndedError(limits.exceeded("timeout"))
        if limits.cpu_s is not None and time.thread_time() - self.began_cpu > limits.cpu_s:
            raise EndedError(limits.exceeded("cpu"))
        if limits.memory_bytes is not None and self.lines % 256 == 0:
            self.look_at_memory(limits.memory_bytes)

    def look_at_memory(self, most: int) -> None:
        if resident() - self.began_bytes > most:
            raise EndedError(self.session.limits.exceeded("memory"))


class Snake(ScriptEngine):
    """Runs spells in Python, in this process."""

    info = EngineInfo(
        name="snake",
        language="Python",
        version="3",
        suffixes=(".py",),
        comment="#",
        capabilities=frozenset(CAPABILITIES),
        traits=frozenset(TRAITS),
    )
    run_class: ClassVar[type[Run]] = Run

    async def check_syntax(self, script: str, name: str) -> None:
        self.run_class(self, Session(name=name)).compiled(script, name)

    async def run_script(self, script: str, params: dict[str, Any], session: Session) -> Value:
        return await self.run_class(self, session).execute(script, params)
