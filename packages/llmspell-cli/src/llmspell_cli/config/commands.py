"""``llmspell trust``: let a project's file grant what it asks for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from llmspell_cli.config.files import find_project, read
from llmspell_cli.config.reader import dotted, parse
from llmspell_cli.config.render import plain, shown_value
from llmspell_cli.config.trusted import list_trusted, remember, untrust

if TYPE_CHECKING:
    from llmspell_cli.commands import App
    from llmspell_cli.config.files import Content
    from llmspell_cli.config.resolved import Ignored

HELP = """Trust a project's llmspell.toml as it is now.

Until then it can lower limits and name models, but grants nothing. FILE is a file or its folder,
by default the nearest llmspell.toml from here upwards. A file that changes or moves asks again.
"""


@click.pass_context
def _trust(
    ctx: click.Context, /, file: str | None, *, show_list: bool, remove: bool, **_: Any
) -> None:
    app: App = ctx.obj
    if show_list:
        if remove or file:
            raise click.UsageError("--list goes alone", ctx)
        _list(app)
        return
    path = _chosen(ctx, file)
    if remove:
        was = untrust(path)
        text = f"{path} is trusted no longer" if was else f"{path} was not trusted"
        app.output.answer({"path": path, "removed": was}, text)
        return
    content = read(path)
    if content is None:
        raise click.UsageError(f"there is no file {path}", ctx)
    granted = _granted(content)
    entry = remember(path, content.data)
    lines = [f"{dotted(it.path)} = {shown_value(it.path, it.value)}" for it in granted]
    text = "\n  ".join([f"{path} is trusted; with this it now sets:", *lines])
    app.output.answer(
        {
            "path": entry.path,
            "sha256": entry.sha256,
            "grants": {dotted(it.path): plain(it.value) for it in granted},
        },
        text if lines else f"{path} is trusted; it sets nothing that needed it",
    )


def _granted(content: Content) -> tuple[Ignored, ...]:
    """Find what the file could not have set without trust: what the same warns of."""
    from llmspell_cli.config.loading import user
    from llmspell_cli.config.precedence import resolve

    return resolve(
        {}, {}, parse(content.path, content.data, foreign=content.foreign), user(os.environ)
    ).ignored


def _chosen(ctx: click.Context, file: str | None) -> str:
    if file is None:
        found = find_project()
        if found is None:
            raise click.UsageError("there is no llmspell.toml here or in a folder above", ctx)
        return found
    path = os.path.realpath(file)
    return os.path.join(path, "llmspell.toml") if os.path.isdir(path) else path  # noqa: PTH112, PTH118 - as in files.py


def _list(app: App) -> None:
    found = list_trusted()
    entries = [{"path": it.path, "sha256": it.sha256} for it in found]
    text = "\n".join(f"{it.path}  {it.sha256[:12]}" for it in found)
    app.output.answer({"trusted": entries}, text or "no project's file is trusted")


trust = click.Command(
    name="trust",
    callback=_trust,
    help=HELP,
    params=[
        click.Argument(["file"], required=False),
        click.Option(["--list", "show_list"], is_flag=True, help="List what is trusted."),
        click.Option(["--remove"], is_flag=True, help="Trust the file no longer."),
        click.Option(["--json"], is_flag=True, help="Print one JSON document."),
        click.Option(["--debug"], is_flag=True, help="Show Python's traceback of errors."),
    ],
)
