"""`ReferenceEngine`: runs programs as they are, without a language, to say what is right."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar

from llmspell_core import dispatch
from llmspell_core.engine import CAPABILITIES, TRAITS, EngineInfo, ScriptEngine
from llmspell_core.errors import LlmspellError, ScriptSyntaxError
from llmspell_core.values import CallbackRef, HandleRef
from llmspell_testkit.differential.program import (
    Apply,
    Attempt,
    Block,
    Call,
    Collect,
    Expression,
    Let,
    ListOf,
    Literal,
    Log,
    Param,
    Program,
    Step,
    Together,
    Var,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_core.session import Session
    from llmspell_core.values import Value

    Names = dict[str, Any]


class ReferenceEngine(ScriptEngine):
    """Interprets the program that `told` registers; the script is the number it then has."""

    info = EngineInfo(
        name="reference",
        language="none",
        version="1",
        suffixes=(".program",),
        capabilities=frozenset(CAPABILITIES),
        traits=frozenset(TRAITS),
    )
    program: ClassVar[ContextVar[Program]] = ContextVar("program")
    """What the next run in this context does, whatever its script says."""

    async def check_syntax(self, script: str, name: str) -> None:
        """Refuse: a program is no text.

        Raises:
            ScriptSyntaxError: always.
        """
        raise ScriptSyntaxError(f"{name}: {script!r} is no program")

    async def run_script(self, script: str, params: dict[str, Any], session: Session) -> Value:
        """Run the program."""
        del script
        run = _Run(session, params)
        session.invoker = run.invoke
        return await run.block(self.program.get().body, {})  # type: ignore[no-any-return]


class _Run:
    """One run: the script's functions by number, and the steps done."""

    def __init__(self, session: Session, params: dict[str, Any]) -> None:
        self.session = session
        self.params = params
        self._functions: dict[int, tuple[Block, Names]] = {}

    async def invoke(self, number: int, args: Sequence[Value]) -> Value:
        block, names = self._functions[number]
        return await self.block(block, {**names, "x": args[0] if args else None})  # type: ignore[no-any-return]

    async def block(self, block: Block, names: Names) -> Any:
        names = dict(names)
        for step in block.steps:
            await self.step(step, names)
        return self.evaluate(block.result, names)

    async def step(self, step: Step, names: Names) -> None:
        if isinstance(step, Log):
            self.session.log("log", step.text)
        elif isinstance(step, Let):
            names[step.name] = await self.call(step.call, names)
        elif isinstance(step, Attempt):
            names[step.name] = await self.attempt(step.call, names)
        elif isinstance(step, Collect):
            names[step.name] = await self.collect(step, names)
        elif isinstance(step, Apply):
            number = len(self._functions) + 1
            self._functions[number] = (step.body, dict(names))
            argument = self.evaluate(step.argument, names)
            names[step.name] = await self.send("probe", "apply", [CallbackRef(number), argument])
        elif isinstance(step, Together):
            runs = (self.block(block, names) for block in step.blocks)
            names[step.name] = list(await asyncio.gather(*runs))

    async def attempt(self, call: Call, names: Names) -> list[Any]:
        try:
            return ["value", await self.call(call, names)]
        except LlmspellError as error:
            return [error.kind, error.message]

    async def collect(self, step: Collect, names: Names) -> list[Any]:
        stream: Any = await self.call(step.call, names)
        items: list[Any] = []
        done = False
        while not done and len(items) < step.most:
            batch: Any = await self.send(stream.id, "next", [step.most - len(items)])
            items, done = items + batch["items"], batch["done"]
        if not done:
            await self.session.handles.release(stream.id)
        return items

    async def call(self, call: Call, names: Names) -> Any:
        target = names[call.on].id if call.on else "probe"
        return await self.send(target, call.method, [self.evaluate(it, names) for it in call.args])

    async def send(self, target: str | int, method: str, args: list[Any]) -> Any:
        return await dispatch.call(self.session, target, method, args)

    def evaluate(self, expression: Expression, names: Names) -> Any:
        if isinstance(expression, Literal):
            return ordered(expression.value)
        if isinstance(expression, Param):
            return ordered(self.params[expression.name])
        if isinstance(expression, Var):
            return ordered(names[expression.name])
        if isinstance(expression, ListOf):
            return [self.evaluate(item, names) for item in expression.items]
        return ordered({key: self.evaluate(item, names) for key, item in expression.items})


def ordered(value: Any) -> Any:
    """Sort the keys of maps: what a script sends has them so."""
    if isinstance(value, HandleRef):
        return value
    if isinstance(value, list):
        return [ordered(item) for item in value]
    if isinstance(value, dict):
        return {key: ordered(value[key]) for key in sorted(value)}
    return value
