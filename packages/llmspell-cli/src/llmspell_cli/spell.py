"""Running one spell for `run` and `exec`: from the options to the exit code."""

from __future__ import annotations

import os
import sys
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from llmspell_cli import exit_codes
from llmspell_cli.config import load
from llmspell_cli.interrupt import Interrupted
from llmspell_cli.params import gather_params, read_stdin, stdin_lines
from llmspell_core.budget import Ledger
from llmspell_core.errors import LlmspellError
from llmspell_core.spell import Spell

if TYPE_CHECKING:
    from llmspell_cli.commands import App
    from llmspell_cli.trace import Trace
    from llmspell_core.asking import Question
    from llmspell_core.runtime import Runtime
    from llmspell_core.source import Source


def run_spell(app: App, source: Source, language: str | None, given: dict[str, Any]) -> int:
    """Run `source` as the options `given` say, show what comes of it, return the exit code.

    `language` is an engine's name; None chooses it by the source's suffix.
    """
    return SpellRun(app, source, language, given).run()


class SpellRun:
    """One spell on its way through the command."""

    def __init__(
        self,
        app: App,
        source: Source,
        language: str | None,
        given: dict[str, Any],
        *,
        watched: bool = False,
    ) -> None:
        """Read the options; the engine is started, if it was not before."""
        self.output = app.output
        self.source = source
        self.spell = Spell(source)
        self.language = language
        self.given = given
        config = load(given, start=source.path)
        for warning in config.warnings:
            self.output.note(warning)
        self.permissions = config.permissions
        self.limits = config.limits
        self.ledger = Ledger(config.budget)
        self.host = app.host(
            isolation=given["isolation"] or "locked",
            require_lock=given["require_lock"],
            limits=self.limits,
            one_shot=not watched,
        )
        self.host.runtime.configure(config.bridge_settings())
        self.trace: Trace | None = None
        self.started = 0.0

    def run(self) -> int:
        """Run it, show what comes of it, and return the exit code."""
        if self.given["trace"]:
            from llmspell_cli.trace import Trace

            self.trace = Trace(self.given["trace"], self.output)
        with self.trace or nullcontext():
            try:
                value = self.host.run(self.execute())
            except LlmspellError as error:
                self.write_event({"event": "failed", "kind": error.kind, "message": error.message})
                self.output.error(error, self.spent())
                return exit_codes.exit_code(error)
            except Interrupted:
                self.write_event({"event": "failed", "kind": "cancelled", "message": "interrupted"})
                self.output.interrupted(self.spent())
                raise
            self.write_event({"event": "done", "result": value})
        if self.output.json:
            self.output.document({"result": value, **self.spent()})
        else:
            self.output.result(value)
        return exit_codes.DONE

    async def execute(self) -> Any:
        """Run it in a runtime of its own, and return its value."""
        async with self.host.runtime as runtime:
            return await self.execute_in(runtime)

    async def execute_in(self, runtime: Runtime) -> Any:
        """Run the spell in a runtime that was entered, and return its value."""
        language = await self.engine_name(runtime)
        params = self.params()
        options: dict[str, Any] = {"seed": self.given["seed"]}
        if self.given["model"]:
            options["defaults"] = {"model": self.given["model"]}
        if self.wants_stdin and self.reads_lines:
            options["stdin"] = stdin_lines()
        if self.can_ask:
            options["ask"] = self.ask
        if self.trace is not None:
            options.update(self.traced(self.trace, language, params))
        self.started = time.perf_counter()
        result = await runtime.run_spell(
            self.spell,
            params,
            language=language,
            permissions=self.permissions,
            limits=self.limits,
            ledger=self.ledger,
            on_log=self.log,
            **options,
        )
        return result.value

    def traced(self, trace: Trace, language: str, params: dict[str, Any]) -> dict[str, Any]:
        """Begin the trace; it holds all that a run depends on, so seed and clock are set here."""
        seed = self.given["seed"]
        depends_on = {
            "seed": int.from_bytes(os.urandom(8), "big") >> 1 if seed is None else seed,
            "clock_ms": time.time_ns() // 1_000_000,
        }
        about = {"name": self.source.name, "engine": language, "params": params}
        trace.write({"event": "start", "version": self.spell.version, **about, **depends_on})
        return {**depends_on, "recorder": trace.write}

    async def engine_name(self, runtime: Runtime) -> str:
        """Start the engine, which gets ready while the parameters are read."""
        if self.language is None:
            engine = await runtime.engine_for_suffix(self.source.suffix, self.source.name)
        else:
            engine = await runtime.engine(self.language)
        return engine.name

    def params(self) -> dict[str, Any]:
        """Gather the parameters that were given."""
        params = gather_params(self.given["param"], self.given["params_file"])
        if self.wants_stdin and not self.reads_lines:
            params["stdin"] = read_stdin()
        return params

    @property
    def wants_stdin(self) -> bool:
        """Whether standard input is the spell's: it says so, or the user does."""
        return bool(self.given["stdin"] or self.spell.header.needs.stdin)

    @property
    def can_ask(self) -> bool:
        """Whether somebody sits at the terminal and may be asked for a permission."""
        ci = os.environ.get("CI", "").lower() not in ("", "0", "false")
        busy = ci or self.output.json or self.output.quiet or self.wants_stdin
        return not busy and sys.platform != "win32" and os.isatty(0) and os.isatty(2)

    async def ask(self, question: Question) -> bool:
        """Ask the user for a permission."""
        from llmspell_cli.prompt import ask  # few spells want more than they were granted

        return await ask(question, self.output, self.source.path)

    @property
    def reads_lines(self) -> bool:
        """Whether it reads line by line, as in a chat, rather than ``params.stdin`` at once."""
        return any("console.lines" in text for text in self.spell.texts)

    def log(self, level: str, text: str) -> None:
        """Show what the spell printed."""
        self.output.log(level, text)
        if self.trace is not None:
            self.trace.log(level, text)

    def write_event(self, event: dict[str, Any]) -> None:
        """Write to the trace, if there is one."""
        if self.trace is not None:
            self.trace.write(event)

    def spent(self) -> dict[str, Any]:
        """Say what the run used and printed, as the document has it."""
        usage = self.ledger.usage
        duration_s = time.perf_counter() - self.started if self.started else 0.0
        return {
            "usage": {
                "llm_calls": usage.llm_calls,
                "tool_calls": usage.tool_calls,
                "prompt_tokens": usage.prompt_tokens,
                "completion_tokens": usage.completion_tokens,
                "total_tokens": usage.tokens,
            },
            "cost_usd": usage.cost_usd,
            "duration_s": round(duration_s, 6),
            "logs": self.output.logs,
        }
