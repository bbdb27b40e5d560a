"""The engine: a spell is a Starlark module, and its result is what it leaves in ``result``."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

import starlark

from llmspell_core import BlockingEngine, EngineInfo, ScriptRuntimeError, ScriptSyntaxError
from llmspell_starlark.reports import read
from llmspell_starlark.values import mark, packed

if TYPE_CHECKING:
    from llmspell_core import BlockingSession, Value

PRELUDE = (resources.files("llmspell_starlark") / "prelude.star").read_text(encoding="utf-8")
GLOBALS = starlark.Globals.extended_by(
    [starlark.LibraryExtension.StructType, starlark.LibraryExtension.Json]
)
START = "load('', {})\nparams = opened(params)\nresult = None"
END = "load('', 'packed')\npacked(result)"


class StarlarkEngine(BlockingEngine):
    """Runs Starlark in the host's process, each spell in a thread: for trusted code."""

    info = EngineInfo(
        name="starlark",
        language="Starlark",
        version="2026.1",
        suffixes=(".star", ".bzl"),
        comment="#",
        capabilities=frozenset({"int64"}),
        traits=frozenset({"float_identity"}),
    )

    async def check_syntax(self, script: str, name: str) -> None:
        """Parse a spell."""
        self.parse(script, name)

    def parse(self, script: str, name: str) -> starlark.AstModule:
        """Parse a spell; a byte order mark is no part of it."""
        try:
            tree = starlark.parse(name, script.removeprefix("\ufeff"), starlark.Dialect.extended())
        except starlark.StarlarkError as report:
            message, frames = read(str(report), name)
            raise ScriptSyntaxError(message, traceback=frames) from None
        if tree.loads():
            raise self.declined("includes")
        return tree

    def evaluate(self, script: str, params: dict[str, Any], session: BlockingSession) -> Value:
        """Run a spell in a module that finds the contract's names, and take its result."""
        spell = self.parse(script, session.name)
        files, names = library(session)
        options = starlark.EvalOptions(
            check_cancelled=lambda: session.ended, max_callstack_size=400
        )
        module = starlark.Module()
        module["params"] = packed(params)

        def run(tree: starlark.AstModule) -> Any:
            return starlark.eval_with(options, module, tree, GLOBALS, files).value

        try:
            run(starlark.parse("<start>", START.format(names)))
            run(spell)
            result: Value = run(starlark.parse("<end>", END))
        except starlark.StarlarkError as report:
            message, frames = read(str(report), session.name)
            error = session.error or ScriptRuntimeError(message)
            if message.startswith("Variable `math` not found"):
                error = self.declined("stdlib")
            error.traceback = tuple(frames)
            raise error from None
        return result


def library(session: BlockingSession) -> tuple[starlark.FileLoader, str]:
    """Make what a spell loads, frozen, so that no spell changes it; and the names in it."""
    module = starlark.Module()
    module.add_callable("_call", lambda *args: packed(session.call(*args)))
    for name in ("decline", "env", "log"):
        module.add_callable(f"_{name}", getattr(session, name))
    module.add_callable("_mark", mark)
    module.add_callable("_text", str)
    bridges = {"util": {"methods": {}, "builders": {}}, **session.manifest()}
    made = [
        f"{name} = bridge('{name}', {list(found['methods'])}, {list(found['builders'])})"
        for name, found in bridges.items()
    ]
    tree = starlark.parse("<library>", "\n".join([PRELUDE, *made]))
    starlark.eval(module, tree, GLOBALS)
    frozen = module.freeze()
    names = str(["console", "env", "opened", "print", *bridges])
    return starlark.FileLoader(lambda _: frozen), names.strip("[]")
