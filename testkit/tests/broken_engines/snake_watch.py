"""How the limits are held between two lines of a spell in Python: a trace looks at each."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType

    from snake import Run

    from llmspell_core.errors import LlmspellError

_PAGE = 4096


class EndedError(BaseException):
    """A limit was hit between two lines; no `Exception`, so that no script catches it."""

    def __init__(self, error: LlmspellError) -> None:
        self.error = error


@cache
def _statm() -> int:
    return os.open("/proc/self/statm", os.O_RDONLY)


def resident() -> int:
    """Ask the kernel for the process's memory, in bytes; a deadline may interrupt it anywhere."""
    return int(os.pread(_statm(), 64, 0).split()[1]) * _PAGE


def watch(frame: FrameType, event: str, arg: object) -> Any:
    """Trace the lines of spells, and of nothing else."""
    run: Run | None = frame.f_globals.get("__run__")
    if run is None:
        return None
    run.look()
    return watch
