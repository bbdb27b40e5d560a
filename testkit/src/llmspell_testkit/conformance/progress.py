"""How far a run of the contracts is: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmspell_testkit.conformance.records import Result, Subject
    from llmspell_testkit.conformance.run import Progress


class _Lines:
    """Says that a subject has ended, for logs."""

    def __init__(self, output: Any) -> None:
        self._output = output
        self._lock = threading.Lock()

    def started(self, subject: Subject, tests: int) -> None:
        if tests:
            with self._lock:
                self._output.note(f"{subject.title}: {tests} cases and tests")

    def ended(self, subject: Subject, result: Result) -> None:
        """Say nothing of one case."""

    def finished(self, subject: Subject) -> None:
        if not subject.results and subject.passed:
            return
        with self._lock:
            state = "passed" if subject.passed else "failed"
            self._output.note(f"{subject.title}: {state} in {subject.duration_s:.1f} s")


@contextmanager
def lines(output: Any) -> Iterator[Progress]:
    """Note when a subject begins and ends; a quiet output notes nothing."""
    yield _Lines(output)


class _Bars:
    """A bar for each subject."""

    def __init__(self, bars: Any) -> None:
        self._bars = bars
        self._tasks: dict[str, Any] = {}
        self._failed: dict[str, int] = {}

    def started(self, subject: Subject, tests: int) -> None:
        task = self._bars.add_task(subject.title, total=tests, failed="", visible=tests > 0)
        self._tasks[subject.title] = task

    def ended(self, subject: Subject, result: Result) -> None:
        if result.outcome == "failed":
            number = self._failed[subject.title] = self._failed.get(subject.title, 0) + 1
            self._bars.update(self._tasks[subject.title], failed=f"[red]{number} failed")
        if subject.title in self._tasks:  # what is declined before the start is no test that runs
            self._bars.advance(self._tasks[subject.title])

    def finished(self, subject: Subject) -> None:
        if subject.fault is not None and subject.title in self._tasks:
            self._bars.update(self._tasks[subject.title], failed="[red]broke off")


@contextmanager
def bars() -> Iterator[Progress]:
    """Show a bar for each subject on the terminal, on stderr."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[failed]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as shown:
        yield _Bars(shown)
