"""Runs the contracts: a child process for each subject, several at once."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import msgspec

from llmspell_testkit.case import CONTRACT_VERSION
from llmspell_testkit.conformance.recorder import Ended, Event, Started
from llmspell_testkit.conformance.records import Report, Result, Subject
from llmspell_testkit.conformance.subjects import CHOSEN, Choice, subject_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SILENCE_S = 180.0
"""How long a child may tell nothing, in seconds: longer than any case may take, with its engine's start."""

_LOOK_S = 1.0
"""How often to look whether a child has gone without a word."""

_TAIL = 12_000
_NOTHING_RUN = 5
"""What pytest ends with where every case was declined or not asked for."""

_decoder = msgspec.json.Decoder(Event)


class Progress(Protocol):
    """Whom to tell how far a run is; called from several threads."""

    def started(self, subject: Subject, tests: int) -> None:
        """A subject has so many tests."""

    def ended(self, subject: Subject, result: Result) -> None:
        """One of them has ended."""

    def finished(self, subject: Subject) -> None:
        """The subject has its results."""


def conformance(choices: Sequence[Choice], progress: Progress, *, jobs: int = 1) -> Report:
    """Hold every choice to its contract, and return what was found.

    Raises:
        PluginError: what is installed cannot be imported.
    """
    import platform

    started, clock = datetime.now(UTC), time.perf_counter()
    described = [(choice, subject_of(choice)) for choice in choices]
    with ThreadPoolExecutor(jobs) as pool:
        running = [pool.submit(_run, *each, progress) for each in described]
        try:
            subjects = [each.result() for each in running]
        except BaseException:
            for each in running:
                each.cancel()
            _end_all()
            raise
    if choices and (choices[0].topics or choices[0].cases):  # some have nothing of what was asked
        subjects = [subject for subject in subjects if subject.results or subject.fault]
    return Report(
        contract_version=CONTRACT_VERSION,
        testkit_version=_version(),
        python=platform.python_version(),
        platform=platform.platform(),
        started=started.isoformat(timespec="seconds").replace("+00:00", "Z"),
        duration_s=round(time.perf_counter() - clock, 3),
        passed=all(subject.passed for subject in subjects),
        topics=choices[0].topics if choices else [],
        cases=choices[0].cases if choices else [],
        performance=bool(choices and choices[0].performance),
        subjects=subjects,
    )


_children: set[subprocess.Popen[bytes]] = set()


def _end_all() -> None:
    for child in list(_children):
        child.kill()


def _run(choice: Choice, subject: Subject, progress: Progress) -> Subject:
    """Run one subject's child to its end."""
    clock = time.perf_counter()
    results: list[Result] = []
    ours, theirs = os.pipe()
    command = [sys.executable, "-m", "llmspell_testkit.conformance.child", str(theirs)]
    environment = {**os.environ, CHOSEN: msgspec.json.encode(choice).decode()}
    with tempfile.TemporaryFile() as said, os.fdopen(ours, "rb", 0) as pipe:
        child = subprocess.Popen(
            command,
            pass_fds=[theirs],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        os.close(theirs)
        _children.add(child)
        silent = False
        try:
            for line in _lines(pipe.fileno(), child):
                event = _decoder.decode(line)
                if isinstance(event, Started):
                    progress.started(subject, event.tests)
                elif isinstance(event, Ended):
                    results.append(event.result)
                    progress.ended(subject, event.result)
        except TimeoutError:
            silent = True
        finally:
            if silent or sys.exception() is not None:
                child.kill()
            code = child.wait()
            _children.discard(child)
        said.seek(max(0, said.seek(0, os.SEEK_END) - _TAIL))
        fault = _fault(code, results, said.read().decode(errors="replace"), silent=silent)
    ended = msgspec.structs.replace(
        subject,
        results=results,
        fault=fault,
        duration_s=round(time.perf_counter() - clock, 3),
    )
    progress.finished(ended)
    return ended


def _lines(descriptor: int, child: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """Give the lines that a pipe brings, until its end or the child's.

    A process that the engine left behind may hold the pipe open when the child has gone.

    Raises:
        TimeoutError: it brought nothing for `SILENCE_S`.
    """
    rest, heard = b"", time.monotonic()
    while True:
        gone = child.poll() is not None
        if select.select([descriptor], [], [], 0 if gone else _LOOK_S)[0]:
            data = os.read(descriptor, 1 << 16)
            *whole, rest = (rest + data).split(b"\n")
            yield from whole
            heard = time.monotonic()
            gone = not data
        if gone:
            return
        if time.monotonic() - heard > SILENCE_S:
            raise TimeoutError


def _fault(code: int, results: list[Result], said: str, *, silent: bool) -> str | None:
    """Say why a run broke off, if it did: pytest ends with 0, or 1 where tests failed."""
    if silent:
        return f"it told nothing for {SILENCE_S:g} s, and was ended\n{said}".strip()
    if code < 0:
        return f"its process was ended by signal {-code}\n{said}".strip()
    failed = any(result.outcome == "failed" for result in results)
    if code == (1 if failed else 0) or (code == _NOTHING_RUN and not failed):
        return None
    return f"pytest ended with {code}\n{said}".strip()


def _version() -> str:
    from importlib.metadata import version

    return version("llmspell-testkit")
