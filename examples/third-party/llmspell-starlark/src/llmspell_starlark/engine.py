"""The engine: a spell is a Starlark module, and its result is what it leaves in ``result``."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from typing import TYPE_CHECKING, Any

import starlark

from llmspell_core import EngineInfo, LlmspellError, ScriptEngine, check_value
from llmspell_core.dispatch import call
from llmspell_starlark.reports import failure, parse
from llmspell_starlark.values import declined, pack, shown, unpack

if TYPE_CHECKING:
    from llmspell_core import Session, Value

PRELUDE = (resources.files("llmspell_starlark") / "prelude.star").read_text(encoding="utf-8")
THREADS = ThreadPoolExecutor(256, "starlark")
LIBRARY = [starlark.LibraryExtension.StructType, starlark.LibraryExtension.Json]


class StarlarkEngine(ScriptEngine):
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
        parse(script, name)

    async def run_script(self, script: str, params: dict[str, Any], session: Session) -> Value:
        """Run a spell to its end; when that is not waited for, end it and its call."""
        run = Run(session)
        thread = run.loop.run_in_executor(THREADS, run.evaluate, script, params)
        try:
            return await asyncio.shield(thread)
        finally:
            run.stopped = True
            run.task.cancel()
            await asyncio.wait({thread, run.task})


class Run:
    """One spell in its thread; `task` is its latest call, on the host's event loop."""

    def __init__(self, session: Session) -> None:
        """Begin with nothing called."""
        self.session = session
        self.loop = asyncio.get_running_loop()
        self.task: asyncio.Future[Value] = self.loop.create_future()
        self.stopped = False
        self.error: LlmspellError | None = None
        self.warned: set[str] = set()

    def evaluate(self, script: str, params: dict[str, Any]) -> Value:
        """Give a module the contract's names, run the spell in it, and take its result."""
        spell = parse(script, self.session.name)
        library, module = starlark.Module(), starlark.Module()
        library.add_callable("_host", self.host)
        prelude, bridges = PRELUDE, self.session.manifest()
        for name, bridge in bridges.items():
            members = [f"{method} = _method('{name}', '{method}')" for method in bridge["methods"]]
            members += [f"{builder} = _builder" for builder in bridge["builders"]]
            members += [f"**_absent_of.get('{name}', {{}})"]
            prelude += f"{name} = struct({', '.join(members)})\n"
        self.run(library, starlark.parse("<prelude>", prelude))
        frozen = library.freeze()
        module["params"] = pack(params)
        names = sorted({"console", "env", "opened", "packed", "print", "util", *bridges})
        start = f"load('', {str(names)[1:-1]})\nparams = opened(params)\nresult = None"
        self.run(module, starlark.parse("<start>", start), starlark.FileLoader(lambda _: frozen))
        self.run(module, spell)
        result: Value = unpack(self.run(module, starlark.parse("<end>", "packed(result)")))
        if len(json.dumps(result)) > self.session.limits.result_bytes:
            raise self.session.limits.exceeded("result")
        check_value(result)
        return result

    def run(self, module: Any, tree: Any, files: Any = None) -> Any:
        """Evaluate a tree, and raise what ended it: Starlark knows no more of that than its text."""
        options = starlark.EvalOptions(check_cancelled=lambda: self.stopped, max_callstack_size=400)
        known = starlark.Globals.extended_by(LIBRARY)
        try:
            return starlark.eval_with(options, module, tree, known, files).value
        except starlark.StarlarkError as report:
            error = failure(str(report), self.session.name)
            if self.error is not None:
                self.error.traceback, error = error.traceback, self.error
            raise error from None

    def host(self, what: str, *args: Any) -> Any:
        """Do what the prelude asks for, and keep the error that ends the spell."""
        try:
            return pack(getattr(self, f"do_{what}")(*args))
        except LlmspellError as error:
            self.error = error
            raise

    def do_call(self, bridge: str, method: str, args: Any, named: Any) -> Value:
        """Call a bridge on the host's loop; arguments by name are the last one, a map."""
        given = unpack(args if len(named) == 1 else [*args, named], argument=True)
        check_value(given)
        answer = self.answer(bridge, method, given)
        return asyncio.run_coroutine_threadsafe(answer, self.loop).result()

    async def answer(self, bridge: str, method: str, args: list[Any]) -> Value:
        """Be the call that is waited for, unless the run is over."""
        self.task = asyncio.current_task() or self.task
        if self.stopped:
            raise asyncio.CancelledError
        return await call(self.session, bridge, method, args)

    def do_log(self, level: str, args: list[tuple[Any, str]]) -> None:
        """Print, and end the spell that printed too much."""
        self.session.log(level, shown(args))
        if self.session.fatal is not None:
            raise self.session.fatal

    def do_env(self, name: str | None) -> Value:
        """Return a granted variable, or all of them; warn once of one that was not granted."""
        found = self.session.env
        granted = name in found or self.session.permissions.allows("env", name)
        if name is not None and not granted and name not in self.warned:
            self.warned.add(name)
            text = f"`{name}` is not granted; allow it with --allow-env={name}"
            self.session.log("warn", text)
        return dict(found) if name is None else found.get(name)

    def do_decline(self, capability: str, what: str) -> None:
        """Refuse what this engine does not claim."""
        raise declined(capability, what)
