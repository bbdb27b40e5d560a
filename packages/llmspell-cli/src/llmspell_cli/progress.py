"""The progress of a download: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from llmspell_core.limits import show_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmspell_cli.output import Output

    Report = Callable[[int, int | None], None]

_STEP_PERCENT = 25


@contextmanager
def progress(name: str, output: Output) -> Iterator[Report]:
    """Show how far the download of `name` is; yields what to call with bytes done and in all."""
    if output.quiet:
        yield lambda _done, _total: None
    elif os.isatty(2):
        with _bar(name) as report:
            yield report
    else:
        yield _Lines(name, output)


class _Lines:
    """Says it at each quarter: for logs, where a bar would be thousands of lines."""

    def __init__(self, name: str, output: Output) -> None:
        self._name = name
        self._output = output
        self._next = 0

    def __call__(self, done: int, total: int | None) -> None:
        percent = 100 * done // total if total else 0
        if percent < self._next:
            return
        self._next = percent - percent % _STEP_PERCENT + _STEP_PERCENT
        of = f" of {show_bytes(total)}" if total else ""
        self._output.note(f"{self._name}: {show_bytes(done)}{of}")


@contextmanager
def _bar(name: str) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
