"""``llmspell validate FILE…``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from llmspell_cli.exit_codes import DONE, exit_code
from llmspell_core.errors import LlmspellError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmspell_cli.commands import App
    from llmspell_core.header import Header
    from llmspell_core.runtime import Runtime

HELP = """Parse each FILE and its header, and run nothing.

The exit code is that of the first file that is not valid: 3 for its syntax, 2 for its header or if
it cannot be read.
"""


@click.pass_context
def _validate(ctx: click.Context, /, files: tuple[str, ...], **_: Any) -> int:
    app: App = ctx.obj
    host = app.host()
    checked = host.run(_check(host.runtime, files))
    codes = [DONE if isinstance(it, tuple) else exit_code(it) for it in checked]
    if app.output.json:
        reports = [_report(file, it) for file, it in zip(files, checked, strict=True)]
        app.output.document({"valid": not any(codes), "files": reports})
    for file, it in zip(files, checked, strict=True):
        if isinstance(it, LlmspellError):
            app.output.show(it)
        elif not app.output.json:
            app.output.text(f"{file}: ok")
    return next((code for code in codes if code != DONE), DONE)


async def _check(runtime: Runtime, files: Sequence[str]) -> list[LlmspellError | tuple[Header]]:
    found: list[LlmspellError | tuple[Header]] = []
    async with runtime:
        for file in files:
            try:
                found.append((await runtime.validate_file(file),))
            except LlmspellError as error:
                found.append(error)
    return found


def _report(file: str, it: LlmspellError | tuple[Header]) -> dict[str, Any]:
    from msgspec import to_builtins

    from llmspell_cli.as_json import error_record

    if isinstance(it, LlmspellError):
        return {"file": file, "valid": False, "error": error_record(it)}
    return {"file": file, "valid": True, "header": to_builtins(it[0])}


validate = click.Command(
    name="validate",
    callback=_validate,
    help=HELP,
    params=[
        click.Argument(["files"], nargs=-1, required=True, metavar="FILE…"),
        click.Option(["--json"], is_flag=True, help="Print one JSON document."),
        click.Option(["--quiet"], is_flag=True, help="Print nothing but errors."),
        click.Option(["--debug"], is_flag=True, help="Show Python's traceback of errors."),
    ],
)
