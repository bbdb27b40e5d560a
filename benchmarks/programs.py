"""Starting the programs that are compared, each in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.timing import Cost

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

HERE = Path(__file__).parent
SPELLS = HERE / "spells"
CONTROLS = HERE / "controls"
_KEPT = {"PYTHONPATH", "PYTHONHOME"}


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a program under test.

    Without Python's own variables: PYTHONDONTWRITEBYTECODE, for one, would make every cold start
    compile its imports.
    """
    own = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON") or k in _KEPT}
    return {**own, **(extra or {})}


def control(name: str, *arguments: str) -> list[str]:
    """Return the command of a control program."""
    return [sys.executable, str(CONTROLS / f"{name}.py"), *arguments]


def llmspell(*arguments: str) -> list[str]:
    """Return a command line of the installed `llmspell`.

    Raises:
        FileNotFoundError: it is not installed beside this Python.
    """
    command = Path(sys.executable).with_name("llmspell")
    if not command.exists():
        text = f"there is no {command}: install llmspell-cli into this environment"
        raise FileNotFoundError(text)
    return [str(command), *arguments]


def run_once(command: Sequence[str], expected: str, extra: Mapping[str, str] | None = None) -> Cost:
    """Run `command` to its end, check what it printed, and return what it took.

    Raises:
        RuntimeError: it failed, or printed something else than `expected`.
    """
    started = time.perf_counter()
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(extra),
    ) as process:
        # communicate() reaps without telling the processor time
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        assert process.stderr is not None  # noqa: S101 - it is a pipe
        printed = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode or printed.strip() != expected:
            complaint = process.stderr.read().decode()[-2000:]
            text = f"{command} gave {process.returncode}, {printed!r}: {complaint}"
            raise RuntimeError(text)
    return Cost(wall_s, usage.ru_utime + usage.ru_stime)


def children() -> set[int]:
    """List the processes that are this one's own children; Linux only."""
    texts = [(task / "children").read_text() for task in Path("/proc/self/task").iterdir()]
    return {int(pid) for text in texts for pid in text.split()}


class Server:
    """A program that stays and answers one line with one line; use it as a context manager."""

    def __init__(self, command: Sequence[str], extra: Mapping[str, str] | None = None) -> None:
        """Start it, and wait for the line by which it says that it is ready."""
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(extra),
            cwd=HERE.parent,
        )
        self.greeting = self._read()

    def __enter__(self) -> Self:
        """Nothing: it runs already."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def ask(self, line: str) -> str:
        """Send one line and return the answer.

        Raises:
            RuntimeError: it has ended.
        """
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> str:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        line = self._process.stdout.readline()
        if not line:
            text = f"{self._process.args!r} ended: {self._process.wait()}"
            raise RuntimeError(text)
        return line.decode().strip()
