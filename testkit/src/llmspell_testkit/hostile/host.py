"""One hostile case in a process of its own: ``python -m llmspell_testkit.hostile.host``.

It reads its `Job` from the first line of standard input, runs the attempt and then a good spell in
the same `Runtime`, closes that, prints its `Report` on one line, and ends once standard input
does: until then whoever started it looks at what it has left behind.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import time
import warnings
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core.errors import LlmspellError
from llmspell_core.isolation import IsolationWarning
from llmspell_core.limits import Limits
from llmspell_core.registry import installed
from llmspell_core.runtime import Runtime
from llmspell_core.spell import Spell
from llmspell_testkit.hostile.records import ErrorReport, Job, Report, SpellReport
from llmspell_testkit.probe import ContractBridge
from llmspell_testkit.tagged import write_tagged

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_core.engine import ScriptEngine

_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER, in linux/prctl.h
_FIGURES = ("waiting", "open_streams", "open_counters")


async def run(job: Job) -> Report:
    """Run the attempt, then the good spell, and close everything."""
    engine = _engine(job.engine)
    name, suffix = engine.info.name, engine.info.suffixes[0]
    limits: dict[str, Any] = dict(job.limits)
    folder = Path("project")
    for file, text in {**job.files, f"spell{suffix}": job.source}.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    probe = ContractBridge()
    runtime = Runtime(
        engines=[engine],
        bridges=[probe],
        limits=Limits(**limits),
        isolation=job.isolation,  # type: ignore[arg-type]  # the runner's own literal
        require_lock=job.require_lock,
    )
    async with runtime:

        async def execute(log: Callable[[str, str], None]) -> Any:
            spell = Spell.read(folder / f"spell{suffix}")
            params = {**job.params, "pid": os.getpid()}
            answer = await runtime.run_spell(spell, params, language=name, on_log=log)
            return answer.value

        async def recover(log: Callable[[str, str], None]) -> Any:
            answer = await runtime.run(
                job.good, language=name, on_log=log, limits=Limits(timeout_s=30)
            )
            return answer.value

        attempt = await _report(execute)
        left = {figure: probe.counts[figure] for figure in _FIGURES if probe.counts[figure]}
        after = await _report(recover)
        found = await (await runtime.engine(name)).isolation()
        isolation = " ".join((found.level, *found.layers))
    return Report(attempt=attempt, after=after, left_open=left, isolation=isolation)


async def _report(work: Callable[[Callable[[str, str], None]], Any]) -> SpellReport:
    """Run one spell and tell how it ended."""
    logs: list[tuple[str, str]] = []
    error: ErrorReport | None = None
    result: Any = None
    started = time.perf_counter()
    try:
        result = await work(lambda level, text: logs.append((level, text)))
    except LlmspellError as problem:
        error = ErrorReport(
            kind=problem.kind,
            message=problem.message,
            details=repr((problem.details, problem.traceback, problem.__cause__)),
            limit=getattr(problem, "limit", None),
            value=getattr(problem, "value", None),
            option=getattr(problem, "option", None),
        )
    duration_s = time.perf_counter() - started
    return SpellReport(result=write_tagged(result), error=error, logs=logs, duration_s=duration_s)


def _engine(name: str) -> type[ScriptEngine]:
    """Find an engine by the name of its entry point, or as ``module:Class``."""
    if ":" not in name:
        engine: type[ScriptEngine] = installed("llmspell.engines")[name].load()
        return engine
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)  # type: ignore[no-any-return]  # named so


def _adopt_orphans() -> None:
    """Become the parent of what children leave behind, so that nothing can hide from the look.

    Linux only; elsewhere the host's own children are what can be looked at.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def main() -> None:
    """Run the job of standard input, in the current folder."""
    _adopt_orphans()
    # the report says the level; a warning on stderr would be taken for the attempt's doing
    warnings.simplefilter("ignore", IsolationWarning)
    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=Job)
    report = asyncio.run(run(job))
    sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
    sys.stdout.buffer.flush()
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
