"""The command `conformance`, which the entry point `llmspell.commands` adds to the command line.

Only the command line loads this module: click and rich are there because it is.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from llmspell_core.errors import ConfigurationError

if TYPE_CHECKING:
    from llmspell_testkit.conformance.records import Report

PASSED, DIFFERENT = 0, 1
"""The exit codes: nothing failed, something did."""

_file = click.Path(dir_okay=False, path_type=Path)


@click.command(
    help="Run the contract against installed engines and bridges (all, unless some are named)."
)
@click.argument("names", nargs=-1, metavar="[ENGINE]...")
@click.option("--topic", "topics", multiple=True, help="Only cases of this topic, such as values.")
@click.option("--case", "cases", multiple=True, help="Only this case, by its id.")
@click.option("--performance", is_flag=True, help="Measure how fast the engines are, too.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many engines to run at once.",
)
@click.option("--json", "json_file", type=_file, help="Write what was found to a file, as JSON.")
@click.option("--html", "html_file", type=_file, help="Write a page that shows it to a file.")
@click.option("-q", "--quiet", is_flag=True, help="Show failures alone.")
@click.pass_obj
def conformance(  # noqa: PLR0917 - the command's options
    app: Any,
    names: tuple[str, ...],
    topics: tuple[str, ...],
    cases: tuple[str, ...],
    performance: bool,  # noqa: FBT001 - what click calls it with
    jobs: int,
    json_file: Path | None,
    html_file: Path | None,
    quiet: bool,  # noqa: FBT001 - as above
) -> int:
    """Run the contracts; 0 where nothing failed, 1 where something did."""
    from llmspell_testkit.conformance.run import conformance as run
    from llmspell_testkit.conformance.subjects import choices
    from llmspell_testkit.conformance.text import check_found, summary

    output = app.output
    output.json = False  # here --json names a file
    output.quiet = quiet
    for path in (json_file, html_file):
        _check_writable(path)
    chosen = choices(list(names), list(topics), list(cases), performance=performance)
    if not chosen:
        raise ConfigurationError("no engine and no bridge is installed")
    with _progress(output) as progress:
        report = run(chosen, progress, jobs=jobs)
    check_found(report)
    _write(report, json_file, html_file)
    text = summary(report, quiet=quiet)
    if text:
        output.text(text)
    return PASSED if report.passed else DIFFERENT


def _check_writable(path: Path | None) -> None:
    """Refuse a file that cannot be written before minutes are spent on what it should hold."""
    folder = path.parent if path else None
    if folder is not None and not (folder.is_dir() and os.access(folder, os.W_OK)):
        text = f"cannot write {path}: {folder} is no folder that can be written to"
        raise ConfigurationError(text, file=str(path))


def _write(report: Report, json_file: Path | None, html_file: Path | None) -> None:
    import msgspec

    from llmspell_testkit.conformance.page import page

    try:
        if json_file is not None:
            json_file.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
        if html_file is not None:
            html_file.write_text(page(report), encoding="utf-8")
    except OSError as error:
        text = f"cannot write {error.filename}: {(error.strerror or str(error)).lower()}"
        raise ConfigurationError(text, file=str(error.filename)) from None


def _progress(output: Any) -> Any:
    from llmspell_testkit.conformance.progress import bars, lines

    return bars() if os.isatty(2) and not output.quiet else lines(output)
