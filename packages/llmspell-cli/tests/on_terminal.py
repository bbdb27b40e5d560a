"""A command on a pseudo-terminal of its own: what it shows is waited for, and answered."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Cli

PATIENCE_S = 40
COLUMNS = 250  # pytest's folders have long names
INTERRUPT, END_OF_INPUT = "\x03", "\x04"
_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
)
_FOREGROUND = "os.execv(sys.argv[1], sys.argv[1:])"
_BACKGROUND = (
    "import subprocess; "
    "sys.exit(subprocess.run(sys.argv[1:], process_group=0, check=False).returncode)"
)


class Terminal:
    """One command, and the person before it."""

    def __init__(self, command: subprocess.Popen[bytes], fd: int) -> None:
        self.command = command
        self.shown = ""
        self._fd = fd
        self._raw = b""
        self._seen = 0

    def until(self, text: str) -> str:
        """Wait for `text` after what was waited for before; return all up to its end."""
        deadline = time.monotonic() + PATIENCE_S
        while (at := self.shown.find(text, self._seen)) < 0:
            assert self._read(deadline), f"{text!r} never came:\n{self.shown}"
        before, self._seen = self._seen, at + len(text)
        return self.shown[before : self._seen]

    def type(self, text: str) -> None:
        """Type on the keyboard."""
        os.write(self._fd, text.encode())

    def answer(self, text: str) -> str:
        """Wait for a question, answer it, and return how it was put."""
        question = self.until("\n[y]es once / ") + self.until("/ [n]o: ")
        self.type(text)
        return question

    def end(self) -> int:
        """Wait for the command to end, and return its exit code."""
        deadline = time.monotonic() + PATIENCE_S
        while self._read(deadline):
            pass
        return self.command.wait(timeout=PATIENCE_S)

    @property
    def rest(self) -> str:
        """What was shown since the last thing that was waited for."""
        return self.shown[self._seen :]

    def _read(self, deadline: float) -> bool:
        if not select.select([self._fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise AssertionError(f"nothing more came:\n{self.shown}")
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # Linux: the other side has closed
            return False
        self._raw += data
        # the terminal itself writes a newline as two characters
        self.shown = self._raw.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)


@contextmanager
def terminal(
    cli: Cli,
    *args: str,
    columns: int = COLUMNS,
    background: bool = False,
    python: tuple[str, ...] = (),
    env: dict[str, str] | None = None,
) -> Iterator[Terminal]:
    """Run the command with its three streams on a terminal, which is its own."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    start = _TAKE_TERMINAL + (_BACKGROUND if background else _FOREGROUND)
    command = [cli.command[0], *python, *cli.command[1:], *args]
    environment = {key: value for key, value in cli.env.items() if key != "CI"}
    child = subprocess.Popen(
        [sys.executable, "-c", start, *command],
        cwd=cli.folder,
        env={**environment, "TERM": "dumb", **(env or {})},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        yield Terminal(child, ours)
    finally:
        child.kill()
        child.wait()
        os.close(ours)


def lines_of(question: str) -> dict[str, str]:
    """Take a question apart: what stands in each of its lines, by the line's first word."""
    found = re.findall(r"^  (\w+(?: it)?) {2,}(.*)$", question, re.MULTILINE)
    return dict(found)
