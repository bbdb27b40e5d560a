"""How the limits are held between two lines of a spell in Python: a trace looks at each."""

from __future__ import annotations

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


def resident() -> int:
    """Ask the kernel for the process's memory, in bytes."""
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - thousands of times
        return int(file.read().split()[1]) * _PAGE


def watch(frame: FrameType, event: str, arg: object) -> Any:
    """Trace the lines of spells, and of nothing else."""
    run: Run | None = frame.f_globals.get("__run__")
    if run is None:
        return None
    run.look()
    return watch
