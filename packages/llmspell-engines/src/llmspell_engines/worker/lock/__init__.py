"""The kernel lock of a worker: Landlock and seccomp, each of which holds where the other has a hole.

A worker applies it in two steps, as its only thread that runs Python: `close_files` before the
engine makes its isolate, because Landlock binds the calling thread and those it starts;
`close_calls` once the isolate exists and before any script is seen, on every thread at once, so
that the filter need not allow what only the making of an isolate needs (threads, writable code).
"""

from __future__ import annotations

import os
import sys

from llmspell_engines.protocol import LAYERS
from llmspell_engines.worker.lock import landlock, seccomp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal


class Lock:
    """One worker's lock; `wanted` are the layers to apply: none at the level ``process``."""

    def __init__(self, wanted: tuple[str, ...] = LAYERS) -> None:
        """Apply nothing yet."""
        self._wanted = wanted
        self._missing: list[str] = [] if wanted else ["the isolation level `process` was asked for"]
        if wanted and sys.platform != "linux":
            name = {"darwin": "macOS", "win32": "Windows"}.get(sys.platform, sys.platform)
            self._wanted = ()
            self._missing = [f"there is no kernel lock for {name}"]
        self._layers: list[str] = []

    def close_files(self) -> None:
        """Close the file system, the network and other processes to this thread."""
        if "landlock" in self._wanted:
            self._apply("landlock", landlock.restrict, "Linux 5.13 or newer with Landlock enabled")

    def close_calls(self) -> None:
        """Leave every thread only the system calls that a running script needs."""
        if "seccomp" in self._wanted:
            machines = " or ".join(sorted(seccomp.MACHINES))
            self._apply("seccomp", seccomp.install, f"Linux 3.17 or newer on {machines}")

    def _apply(self, layer: str, apply: Callable[[], None], needs: str) -> None:
        try:
            apply()
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else str(error)
            self._missing.append(f"{layer} is not to be had ({why}): it needs {needs}")
        else:
            self._layers.append(layer)

    @property
    def layers(self) -> str:
        """Name the layers in force: ``landlock+seccomp``, one of them, or nothing."""
        return "+".join(self._layers)

    @property
    def level(self) -> Literal["locked", "process"]:
        """Say ``locked`` when every layer is in force."""
        return "locked" if tuple(self._layers) == LAYERS else "process"

    @property
    def reason(self) -> str | None:
        """Say why the level is not ``locked``."""
        return None if self.level == "locked" else "; ".join(self._missing)


__all__ = ["Lock"]
