"""A toy engine: one command a line, enough to pass a handful of the contract's cases.

::

    log LEVEL TEXT          print
    call METHOD [ARGS…]     call the probe; the arguments are JSON, or `$name` for a parameter
    return JSON             end with a value, `$name` for a parameter, `$_` for the last answer
    greet NAME              end with "Hello " and a parameter
    raise TEXT              fail
    spin                    never end
    chance                  end with a random number

Its subclasses each do one thing wrong, for the tests of the contract.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import random
import signal
import sys
import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

from llmspell_core import dispatch
from llmspell_core.engine import EngineInfo, ScriptEngine
from llmspell_core.errors import Frame, ScriptRuntimeError, ScriptSyntaxError
from llmspell_core.limits import limit_error

if TYPE_CHECKING:
    from llmspell_core.session import Session
    from llmspell_core.values import Value

COMMANDS = ("log", "call", "return", "greet", "raise", "spin", "chance")


class ToyEngine(ScriptEngine):
    """Does what the contract says, as far as its language goes."""

    info = EngineInfo(
        name="toy",
        language="Toy",
        version="1",
        suffixes=(".toy",),
        capabilities=frozenset({"hard_timeout", "int64", "stdlib"}),
        traits=frozenset({"float_identity"}),
    )

    async def check_syntax(self, script: str, name: str) -> None:
        for number, line in enumerate(script.splitlines(), start=1):
            if line and line.split()[0] not in COMMANDS:
                text = f"unknown command {line!r}"
                raise ScriptSyntaxError(text, traceback=[Frame(name, number)])

    async def run_script(self, script: str, params: dict[str, Any], session: Session) -> Value:
        await self.check_syntax(script, session.name)
        try:
            async with asyncio.timeout(session.limits.timeout_s):
                return await self.interpret(script, dict(params), session)
        except TimeoutError:
            raise limit_error("timeout", session.limits.timeout_s) from None

    async def interpret(self, script: str, names: dict[str, Any], session: Session) -> Value:
        for number, line in enumerate(script.splitlines(), start=1):
            command, _, rest = line.partition(" ")
            if command == "log":
                session.log(*rest.split(" ", 1))
            elif command == "call":
                method, *words = rest.split(" ")
                args = [self.read(word, names) for word in words]
                names["_"] = await self.call(session, method, args)
            elif command == "greet":
                return "Hello " + str(names[rest])
            elif command == "return":
                return self.result(self.read(rest, names))
            elif command == "raise":
                raise ScriptRuntimeError(rest, traceback=[self.frame(session.name, number)])
            elif command == "chance":
                chance = random.Random(session.seed)  # noqa: S311 - repeatable is the point
                return [str(UUID(int=chance.getrandbits(128))), chance.random()]
            elif command == "spin":
                await self.spin()
        return None

    def read(self, text: str, names: dict[str, Any]) -> Any:
        return names[text[1:]] if text.startswith("$") else json.loads(text)

    def result(self, value: Value) -> Value:
        return value

    def frame(self, name: str, line: int) -> Frame:
        return Frame(name, line)

    async def call(self, session: Session, method: str, args: list[Any]) -> Any:
        return await dispatch.call(session, "probe", method, args)

    async def spin(self) -> None:
        await asyncio.Event().wait()


class FloatEngine(ToyEngine):
    """Returns every integer as a float."""

    def result(self, value: Any) -> Any:
        return float(value) if type(value) is int else value


class OffByOneEngine(ToyEngine):
    """Counts lines from 0."""

    def frame(self, name: str, line: int) -> Frame:
        return Frame(name, line - 1)


class HangingEngine(ToyEngine):
    """Takes no notice of the wall clock."""

    async def run_script(self, script: str, params: dict[str, Any], session: Session) -> Value:
        await self.check_syntax(script, session.name)
        return await self.interpret(script, dict(params), session)


class BlockingEngine(HangingEngine):
    """Takes no notice of the wall clock, and blocks the event loop."""

    async def spin(self) -> None:
        while True:
            time.sleep(0.01)


class StuckEngine(HangingEngine):
    """Hangs below Python, where no signal's handler runs."""

    async def spin(self) -> None:
        ctypes.PyDLL(None).sleep(3600)


class DyingEngine(ToyEngine):
    """Takes its process with it."""

    async def spin(self) -> None:
        sys.stderr.write("out of luck\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGKILL)


class SwallowingEngine(ToyEngine):
    """Ends without a word where a script fails."""

    async def run_script(self, script: str, params: dict[str, Any], session: Session) -> Value:
        try:
            return await super().run_script(script, params, session)
        except ScriptRuntimeError:
            return None


class CrashingEngine(ToyEngine):
    """Lets an error of its own out where a script fails."""

    def frame(self, name: str, line: int) -> Frame:
        raise KeyError(name, line)


class ChattyEngine(ToyEngine):
    """Prints what no script printed."""

    async def interpret(self, script: str, names: dict[str, Any], session: Session) -> Value:
        session.log("info", "running")
        return await super().interpret(script, names, session)


class LeavingEngine(ToyEngine):
    """Leaves a call running when the run has ended."""

    async def call(self, session: Session, method: str, args: list[Any]) -> Any:
        self.left = asyncio.ensure_future(dispatch.call(session, "probe", "never", []))
        await asyncio.sleep(0)  # it begins
        return await super().call(session, method, args)


class SharedEngine(ToyEngine):
    """Keeps one set of parameters for all runs."""

    shared: dict[str, Any]

    async def interpret(self, script: str, names: dict[str, Any], session: Session) -> Value:
        type(self).shared = names
        await asyncio.sleep(0)  # the other runs begin
        return await super().interpret(script, self.shared, session)


class OnceEngine(ToyEngine):
    """Runs nothing after a timeout."""

    broken = False

    async def interpret(self, script: str, names: dict[str, Any], session: Session) -> Value:
        if self.broken:
            text = "the engine is gone"
            raise ScriptRuntimeError(text)
        self.broken = "spin" in script
        return await super().interpret(script, names, session)


class DecliningEngine(ToyEngine):
    """Declines the wall clock, and says so when it is asked to hold one."""

    info = EngineInfo(
        name="toy",
        language="Toy",
        version="1",
        suffixes=(".toy",),
        capabilities=frozenset({"stdlib"}),
    )


class PretendingEngine(DecliningEngine):
    """Declines the wall clock, and takes a limit all the same."""

    def set_timeout(self, timeout_s: float | None) -> None:
        return
