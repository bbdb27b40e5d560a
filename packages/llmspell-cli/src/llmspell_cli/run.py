"""``llmspell run FILE``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from llmspell_cli.options import SpellCommand, spell_options
from llmspell_cli.spell import run_spell
from llmspell_core.source import read_source

if TYPE_CHECKING:
    from llmspell_cli.commands import App

HELP = """Run the spell in FILE; its suffix chooses the language.

What the spell prints and returns goes to stdout, all else to stderr. With --json, stdout gets one
document: result, usage, cost_usd, duration_s and logs, or error.

Exit codes: 0 done, 1 the script failed, 2 usage or configuration, 3 syntax, 4 permission, 5 limit
or budget, 6 provider, 130 interrupted.
"""


@click.pass_context
def _run(
    ctx: click.Context, /, file: str | None, *, show_help: bool, watch: bool, **given: Any
) -> int:
    app: App = ctx.obj
    if show_help:
        return _help(ctx, app, file)
    if file is None:
        text = "missing argument FILE; `llmspell exec` runs code from the command line"
        raise click.UsageError(text, ctx)
    if watch:
        from llmspell_cli.watch import watch_spell

        return watch_spell(app, file, given)
    return run_spell(app, read_source(file), None, given)


def _help(ctx: click.Context, app: App, file: str | None) -> int:
    """Show the command's help, and below it the spell's own parameters."""
    text = ctx.get_help()
    document: dict[str, Any] = {"help": text}
    if file is not None:
        from msgspec import to_builtins

        from llmspell_cli.spell_help import describe
        from llmspell_core.header import parse_header

        source = read_source(file)
        header = parse_header(source.text, source.name)
        text = f"{text}\n\n{describe(source.name, header)}"
        document["header"] = to_builtins(header)
    app.output.answer(document, text)
    return 0


run = SpellCommand(
    name="run",
    callback=_run,
    help=HELP,
    add_help_option=False,
    params=[
        click.Argument(["file"], required=False),
        *spell_options(),
        click.Option(
            ["--watch"],
            is_flag=True,
            help="Run it again whenever it, or a file it includes, changes.",
        ),
        click.Option(
            ["--help", "-h", "show_help"],
            is_flag=True,
            help="Show this, and the parameters of FILE.",
        ),
    ],
)
