"""``llmspell run FILE --watch``: run it again whenever it, or a file it includes, changes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click

from llmspell_cli import exit_codes
from llmspell_cli.spell import SpellRun
from llmspell_core.errors import LlmspellError
from llmspell_core.source import read_source

if TYPE_CHECKING:
    from llmspell_cli.commands import App
    from llmspell_core.reload import LiveSpell


def watch_spell(app: App, file: str, given: dict[str, Any]) -> int:
    """Run the spell in `file`, and again after each change, until interrupted.

    Raises:
        click.UsageError: an option does not go with watching.
    """
    for option in ("json", "stdin", "trace"):
        if given[option]:
            text = f"--watch does not go with --{option}"
            raise click.UsageError(text, click.get_current_context())
    first = SpellRun(app, read_source(file), None, given, watched=True)
    first.host.run(_watch(app, first, file, given))
    return exit_codes.DONE


async def _watch(app: App, first: SpellRun, file: str, given: dict[str, Any]) -> None:
    changed = asyncio.Event()

    def on_reload(live: LiveSpell) -> None:
        if live.error is None:
            changed.set()
        else:
            app.output.show(live.error)
            app.output.note("the last good version stays in use")

    runtime = first.host.runtime
    async with runtime, runtime.load(file, on_reload) as live:
        while True:
            changed.clear()
            run = SpellRun(app, live.spell.source, None, given, watched=True)
            try:
                app.output.result(await run.execute_in(runtime))
            except LlmspellError as error:
                app.output.error(error)
            app.output.note(f"watching {live.spell.name} ({live.version}); Ctrl-C ends it")
            await changed.wait()
