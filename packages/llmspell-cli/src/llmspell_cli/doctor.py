"""``llmspell doctor``: does everything that a spell needs work on this machine, and if not, why.

Each engine is started and asked how it keeps scripts apart; each installed bridge is imported; the
local models and the keys that the configuration names are looked for. No key is shown or sent.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

import click
import msgspec

from llmspell_cli import exit_codes
from llmspell_core.errors import LlmspellError, PluginError
from llmspell_core.registry import installed

if TYPE_CHECKING:
    from llmspell_cli.commands import App
    from llmspell_core.isolation import IsolationReport
    from llmspell_core.runtime import Runtime

OK, WARNING, PROBLEM = "ok", "warning", "problem"
_MARKS = {OK: "✓", WARNING: "!", PROBLEM: "✗"}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked at: its `state`, what was found, and what to do about it."""

    what: str
    state: str
    found: str
    remedy: str | None = None


@click.pass_context
def _doctor(ctx: click.Context, /, **_: Any) -> int:
    app: App = ctx.obj
    findings = [_python(), *app.host().run(_engines(app)), *_bridges(), *_models(), *_keys()]
    document = {"findings": [msgspec.to_builtins(it) for it in findings]}
    app.output.answer(document, "\n".join(_line(it) for it in findings))
    failed = any(it.state == PROBLEM for it in findings)
    return exit_codes.USAGE if failed else exit_codes.DONE


def _line(it: Finding) -> str:
    remedy = f"\n    {it.remedy}" if it.remedy else ""
    return f"{_MARKS[it.state]} {it.what}: {it.found}{remedy}"


def _python() -> Finding:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Finding(what="Python", state=OK, found=found)


async def _engines(app: App) -> list[Finding]:
    async with app.host().runtime as runtime:
        found = [await _engine(runtime, name) for name in sorted(installed("llmspell.engines"))]
    if found:
        return found
    remedy = "pip install 'llmspell-engines[lua,javascript]'"
    return [Finding(what="engines", state=PROBLEM, found="none is installed", remedy=remedy)]


async def _engine(runtime: Runtime, name: str) -> Finding:
    what = f"engine {name}"
    try:
        engine = await runtime.engine(name)
        report = await engine.isolation()
    except LlmspellError as error:
        return Finding(what=what, state=PROBLEM, found=error.message)
    found = f"{engine.info.language} {engine.info.version}, {_isolation(report)}"
    if report.level == "locked":
        return Finding(what=what, state=OK, found=found)
    remedy = "run only spells you would run without a sandbox; --require-lock refuses all others"
    return Finding(what=what, state=WARNING, found=found, remedy=remedy)


def _isolation(report: IsolationReport) -> str:
    layers = f" by {' and '.join(report.layers)}" if report.layers else ""
    reason = f" ({report.reason})" if report.reason else ""
    return f"isolation level `{report.level}`{layers}{reason}"


def _bridges() -> list[Finding]:
    return [_bridge(name) for name in sorted(installed("llmspell.bridges"))]


def _bridge(name: str) -> Finding:
    try:
        installed("llmspell.bridges")[name].load()
    except PluginError as error:
        return Finding(what=f"bridge {name}", state=PROBLEM, found=error.message)
    return Finding(what=f"bridge {name}", state=OK, found="can be imported")


def _models() -> list[Finding]:
    from llmspell_bridges.local.store import listing

    return [
        Finding(what=f"model {it.model.id}", state=OK, found=f"is at {it.path}")
        if it.bytes_on_disk is not None
        else Finding(
            what=f"model {it.model.id}",
            state=WARNING,
            found="was not fetched",
            remedy=f"llmspell models pull {it.model.name}",
        )
        for it in listing()
    ]


def _keys() -> list[Finding]:
    """Look whether the keys that the configuration names are where it says."""
    from llmspell_cli.config import load

    found = []
    for name, provider in sorted(load({}).providers.items()):
        if provider.api_key is None:
            continue
        what, source = f"key of {name}", provider.api_key.source
        try:
            known = provider.api_key.get_secret_value() is not None
        except LlmspellError as error:
            found.append(Finding(what=what, state=PROBLEM, found=error.message))
            continue
        text = f"found in the {source}" if known else f"there is none in the {source}"
        found.append(Finding(what=what, state=OK if known else WARNING, found=text))
    return found


doctor = click.Command(
    name="doctor",
    callback=_doctor,
    help="Check this machine: whether the kernel lock holds, and what is missing.\n\n"
    "Exits with 2 when something that is installed does not work.",
    params=[
        click.Option(["--json"], is_flag=True, help="Print one JSON document."),
        click.Option(["--debug"], is_flag=True, help="Show Python's traceback of errors."),
    ],
)
