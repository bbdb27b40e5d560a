"""A third party's engine, whole: lines of ``call BRIDGE METHOD JSON``, ``return JSON``, ``raise``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from llmspell_core import EngineInfo, Frame, ScriptEngine, ScriptRuntimeError, ScriptSyntaxError
from llmspell_core.dispatch import call

if TYPE_CHECKING:
    from llmspell_core import Session, Value

_WORDS = ("call", "return", "raise", "print", "params", "env")


class ToyEngine(ScriptEngine):
    """Runs toy scripts in the host's process."""

    info = EngineInfo(name="toy", language="Toy", version="1", suffixes=(".toy",), comment="#")

    async def check_syntax(self, script: str, name: str) -> None:
        for number, line in enumerate(script.splitlines(), start=1):
            if line and not line.startswith("#") and line.split()[0] not in _WORDS:
                text = f"unknown word {line.split()[0]!r}"
                raise ScriptSyntaxError(text, traceback=[Frame(name, number)])

    async def run_script(self, script: str, params: dict[str, Any], session: Session) -> Value:
        await self.check_syntax(script, session.name)
        value: Value = None
        for number, line in enumerate(script.splitlines(), start=1):
            word, _, rest = line.partition(" ")
            if word == "call":
                bridge, method, args = rest.split(" ", 2)
                value = await call(session, bridge, method, json.loads(args))
            elif word == "raise":
                raise ScriptRuntimeError(rest, traceback=[Frame(session.name, number)])
            elif word == "print":
                session.log("log", rest)
            elif word in ("params", "env"):
                value = params if word == "params" else dict(session.env)
            elif word == "return":
                return json.loads(rest) if rest else value  # type: ignore[no-any-return]  # JSON
        return value
