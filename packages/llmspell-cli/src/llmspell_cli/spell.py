"""Running one spell for `run` and `exec`: from the options to the exit code."""

from __future__ import annotations

import os
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from llmspell_cli import exit_codes
from llmspell_cli.interrupt import Interrupted
from llmspell_cli.options import budget_from, limits_from, permissions_from
from llmspell_cli.params import gather_params, read_stdin
from llmspell_core.budget import Ledger
from llmspell_core.errors import LlmspellError
from llmspell_core.header import parse_header

if TYPE_CHECKING:
    from llmspell_cli.commands import App
    from llmspell_cli.trace import Trace
    from llmspell_core.runtime import Runtime
    from llmspell_core.source import Source


def run_spell(app: App, source: Source, language: str | None, given: dict[str, Any]) -> int:
    """Run `source` as the options `given` say, show what comes of it, return the exit code.

    `language` is an engine's name; None chooses it by the source's suffix.
    """
    return _Spell(app, source, language, given).run()


class _Spell:
    """One spell on its way through the command."""

    def __init__(
        self, app: App, source: Source, language: str | None, given: dict[str, Any]
    ) -> None:
        self.output = app.output
        self.source = source
        self.language = language
        self.given = given
        self.permissions = permissions_from(given)
        self.limits = limits_from(given)
        self.ledger = Ledger(budget_from(given))
        self.host = app.host(
            isolation=given["isolation"] or "locked",
            require_lock=given["require_lock"],
            limits=self.limits,
            spares=1,
        )
        self.trace: Trace | None = None
        self.started = 0.0

    def run(self) -> int:
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
        async with self.host.runtime as runtime:
            language = await self.engine_name(runtime)
            params = self.params()
            seed = self.given["seed"]
            options: dict[str, Any] = {}
            if self.given["model"]:
                options["defaults"] = {"model": self.given["model"]}
            if self.trace is not None:
                # a trace holds all that a run depends on, so these must be known here
                seed = int.from_bytes(os.urandom(8), "big") >> 1 if seed is None else seed
                options["clock_ms"] = time.time_ns() // 1_000_000
                options["recorder"] = self.trace.write
                self.write_event(
                    {
                        "event": "start",
                        "name": self.source.name,
                        "engine": language,
                        "params": params,
                        "seed": seed,
                        "clock_ms": options["clock_ms"],
                    }
                )
            self.started = time.perf_counter()
            result = await runtime.run(
                self.source.text,
                params,
                language=language,
                name=self.source.name,
                permissions=self.permissions,
                limits=self.limits,
                ledger=self.ledger,
                seed=seed,
                on_log=self.log,
                **options,
            )
            return result.value

    async def engine_name(self, runtime: Runtime) -> str:
        """Start the engine, which gets ready while the parameters are read."""
        if self.language is None:
            engine = await runtime.engine_for_suffix(self.source.suffix, self.source.name)
        else:
            engine = await runtime.engine(self.language)
        return engine.name

    def params(self) -> dict[str, Any]:
        params = gather_params(self.given["param"], self.given["params_file"])
        header = parse_header(self.source.text, self.source.name)
        if self.given["stdin"] or header.needs.stdin:
            params["stdin"] = read_stdin()
        return params

    def log(self, level: str, text: str) -> None:
        self.output.log(level, text)
        if self.trace is not None:
            self.trace.log(level, text)

    def write_event(self, event: dict[str, Any]) -> None:
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
