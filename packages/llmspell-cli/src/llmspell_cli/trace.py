"""``--trace FILE``: what crosses between a spell and the host, one JSON document a line."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from llmspell_cli.as_json import dump
from llmspell_core.errors import ConfigurationError
from llmspell_core.redact import redactor

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from llmspell_cli.output import Output


class Trace:
    """Writes events as they happen; each has `event` and `t_s`, seconds since the start."""

    def __init__(self, path: str, output: Output) -> None:
        """Open the file anew.

        Raises:
            ConfigurationError: it cannot be written.
        """
        try:
            # unbuffered: what happened before a kill is there after it
            self._file = open(path, "wb", buffering=0)  # noqa: PTH123, SIM115 - `__exit__` closes it
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            text = f"cannot write the trace {path}: {why}"
            raise ConfigurationError(text, file=path) from error
        self._output = output
        self._path = path
        self._failed = False
        self._started = time.perf_counter()

    def __enter__(self) -> Self:
        """Enter; the file is open already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._file.close()

    def write(self, event: dict[str, Any]) -> None:
        """Write one event; a full disk is told once, and ends nothing."""
        if self._failed:
            return
        t_s = round(time.perf_counter() - self._started, 6)
        try:
            self._file.write(redactor.data(dump({**event, "t_s": t_s})) + b"\n")
        except OSError as error:
            self._failed = True
            self._output.note(f"warning: the trace {self._path} ends here: {error.strerror}")

    def log(self, level: str, text: str) -> None:
        """Write what the spell printed."""
        self.write({"event": "log", "level": level, "text": text})
