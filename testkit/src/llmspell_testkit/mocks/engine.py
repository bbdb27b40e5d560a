"""`MockEngine`: a script engine that runs nothing, for tests of bridges and of programs."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from llmspell_core import dispatch
from llmspell_core.engine import EngineInfo, ScriptEngine
from llmspell_core.errors import ScriptRuntimeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell_core.session import Session
    from llmspell_core.values import Value


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """One script that a mock was given, with its parameters."""

    script: str
    params: dict[str, Any]


class BridgeRequest(msgspec.Struct, frozen=True):
    """A call that a mock's script makes; its answer is the script's result."""

    bridge: str
    method: str
    args: tuple[Any, ...] = ()


def bridge_call(bridge: str, method: str, *args: Any) -> BridgeRequest:
    """Let a script of `MockEngine` call a bridge: ``bridge_call("greeter", "greet", "Ada")``."""
    return BridgeRequest(bridge, method, args)


class MockEngine(ScriptEngine):
    """Answers scripts it was told of, and remembers all that it was given.

    ::

        Mock = MockEngine.scripted({"greet": bridge_call("greeter", "greet", "Ada"), "two": 2})
        async with Runtime(engines=[Mock], bridges=[Greeter()], isolation="inproc") as runtime:
            await runtime.run("greet", language="mock")
        assert [execution.script for execution in Mock.log] == ["greet"]

    What stands for a script is its result; an exception is raised, a `bridge_call` made, a list of
    those made in order (the last answer is the result), a function is called with parameters and
    session, and awaited. A script that nobody told of fails with a `ScriptRuntimeError`.
    """

    info = EngineInfo(
        name="mock",
        language="Mock",
        version="1",
        suffixes=(".mock",),
        comment="#",
        capabilities=frozenset({"handles", "int64", "streams"}),
        traits=frozenset({"bytes", "float_identity"}),
    )
    answers: ClassVar[Mapping[str, Any]] = {}
    log: ClassVar[list[Execution]] = []

    @classmethod
    def scripted(cls, answers: Mapping[str, Any], name: str = "mock") -> type[MockEngine]:
        """Make a class that knows these scripts: a runtime makes its engines itself."""
        info = msgspec.structs.replace(cls.info, name=name, suffixes=(f".{name}",))
        return type(cls.__name__, (cls,), {"answers": answers, "log": [], "info": info})

    async def check_syntax(self, script: str, name: str) -> None:
        """Accept everything."""

    async def run_script(self, script: str, params: dict[str, Any], session: Session) -> Value:
        """Remember the script and give what was said for it.

        Raises:
            ScriptRuntimeError: nothing was said for it.
        """
        self.log.append(Execution(script=script, params=params))
        if script not in self.answers:
            known = ", ".join(repr(name) for name in self.answers) or "none"
            text = f"the mock engine was told nothing of the script {script!r}; known: {known}"
            raise ScriptRuntimeError(text)
        answer = self.answers[script]
        if callable(answer) and not isinstance(answer, type):
            answer = answer(params, session)
        if inspect.isawaitable(answer):
            answer = await answer
        if isinstance(answer, BaseException):
            raise answer
        steps = answer if isinstance(answer, list) else [answer]
        if not any(isinstance(step, BridgeRequest) for step in steps):
            return answer  # type: ignore[no-any-return]  # what a test says is dynamic
        value: Value = None
        for step in steps:
            value = await dispatch.call(session, step.bridge, step.method, list(step.args))
        return value
