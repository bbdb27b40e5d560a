"""``llmspell models``: fetch the small local models, and list what there is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from llmspell_core.limits import show_bytes

if TYPE_CHECKING:
    from llmspell_bridges.local.store import Installed
    from llmspell_cli.commands import App

_PLAIN = [
    click.Option(["--json"], is_flag=True, help="Print one JSON document."),
    click.Option(["--debug"], is_flag=True, help="Show Python's traceback of errors."),
]


@click.pass_context
def _pull(ctx: click.Context, /, names: tuple[str, ...], source: str | None, **_: Any) -> None:
    from llmspell_bridges.local.catalog import find
    from llmspell_bridges.local.pull import pull
    from llmspell_cli.progress import progress

    app: App = ctx.obj
    chosen = [find(name) for name in names]  # a wrong name stops before the first download
    pulled = []
    for model in chosen:
        with progress(model.id, app.output) as report:
            path = pull(model.name, progress=report, source=Path(source) if source else None)
        size_bytes = path.stat().st_size
        pulled.append({"name": model.id, "path": str(path), "bytes_on_disk": size_bytes})
        app.output.note(f"{model.id}: {show_bytes(size_bytes)} in {path}")
    if app.output.json:
        app.output.document({"models": pulled})


@click.pass_context
def _list(ctx: click.Context, /, **_: Any) -> None:
    from llmspell_bridges.local.store import listing

    app: App = ctx.obj
    found = listing()
    document = {"models": [_record(it) for it in found]}
    app.output.answer(document, "\n".join(_line(it) for it in found))


def _record(it: Installed) -> dict[str, Any]:
    return {
        "name": it.model.id,
        "purpose": it.model.purpose,
        "description": it.model.description,
        "licence": it.model.licence,
        "installed": it.bytes_on_disk is not None,
        "path": str(it.path),
        "bytes_on_disk": it.bytes_on_disk,
        "download_bytes": it.model.wheel_bytes,
        "memory_bytes": it.model.memory_bytes,
        "context_tokens": it.model.context_tokens,
    }


def _line(it: Installed) -> str:
    model = it.model
    if it.bytes_on_disk is None:
        disk = f"not here: `llmspell models pull {model.name}` downloads"
        disk += f" {show_bytes(model.wheel_bytes)}, keeps {show_bytes(model.file_bytes)}"
    else:
        disk = f"{show_bytes(it.bytes_on_disk)} on disk"
    memory = f"about {show_bytes(model.memory_bytes)} of memory when used"
    return f"{model.id}  {model.description} ({model.licence})\n    {disk}; {memory}"


models = click.Group(
    name="models",
    help="Fetch and list the small models that run on this machine, without a key.",
    commands=[
        click.Command(
            name="pull",
            callback=_pull,
            help="Download models, check their hashes and unpack them into the user's cache.",
            params=[
                click.Argument(["names"], nargs=-1, required=True, metavar="NAME…"),
                click.Option(
                    ["--from", "source"],
                    metavar="PATH",
                    help="Take the wheel from this file or folder instead of downloading it.",
                ),
                click.Option(["--quiet"], is_flag=True, help="Print nothing but errors."),
                *_PLAIN,
            ],
        ),
        click.Command(
            name="list",
            callback=_list,
            help="Show which models there are, and what they cost in disk and memory.",
            params=[*_PLAIN],
        ),
    ],
)
