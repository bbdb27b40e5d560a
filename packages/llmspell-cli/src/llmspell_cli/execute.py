"""``llmspell exec CODE``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from llmspell_cli.options import SpellCommand, spell_options
from llmspell_cli.params import read_stdin
from llmspell_cli.spell import run_spell
from llmspell_core.source import Source

if TYPE_CHECKING:
    from llmspell_cli.commands import App

HELP = """Run CODE, or with `-` the code on standard input.

    llmspell exec 'return 6 * 7' --language lua

Everything else is as in `llmspell run`.
"""


@click.pass_context
def _execute(ctx: click.Context, /, code: str, *, language: str, **given: Any) -> int:
    app: App = ctx.obj
    if code == "-":
        if given["stdin"]:
            text = "standard input cannot hold both the code (`-`) and params.stdin (--stdin)"
            raise click.UsageError(text, ctx)
        code = read_stdin()
    return run_spell(app, Source(text=code, name="spell"), language, given)


execute = SpellCommand(
    name="exec",
    callback=_execute,
    help=HELP,
    params=[
        click.Argument(["code"]),
        click.Option(
            ["--language", "-l"],
            required=True,
            metavar="NAME",
            help="The language of the code: lua, javascript, or another engine's name.",
        ),
        *spell_options(),
    ],
)
