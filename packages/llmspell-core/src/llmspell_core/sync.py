"""The synchronous facade: the same runtime for programs without an event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from llmspell_core.runtime import RunResult, Runtime

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from llmspell_core.budget import Usage
    from llmspell_core.header import Header
    from llmspell_core.values import Value


class SyncRuntime:
    """A `Runtime` that blocks until each spell is done.

    ::

        with SyncRuntime() as runtime:
            print(runtime.run_file("hello.lua").value)

    It takes what `Runtime` takes. Inside a running event loop use `Runtime` itself.
    """

    def __init__(self, **options: Any) -> None:
        """Keep the options; see `Runtime`."""
        self._options = options
        self._runner = asyncio.Runner()
        self._runtime: Runtime | None = None

    def __enter__(self) -> Self:
        """Start an event loop of its own, in this thread."""
        self._runner.__enter__()
        self._runner.run(self._enter())
        return self

    async def _enter(self) -> None:
        self._runtime = await Runtime(**self._options).__aenter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the runtime, then the loop."""
        try:
            self._runner.run(self._open.__aexit__(kind, error, traceback))
        finally:
            self._runner.__exit__(kind, error, traceback)

    @property
    def _open(self) -> Runtime:
        if self._runtime is None:
            text = "use `with SyncRuntime() as runtime:`"
            raise RuntimeError(text)
        return self._runtime

    @property
    def usage(self) -> Usage:
        """What all runs of this runtime have spent so far."""
        return self._open.usage

    def run(
        self, script: str, params: Mapping[str, Value] | None = None, **options: Any
    ) -> RunResult:
        """Run `script`; see `Runtime.run`."""
        return self._runner.run(self._open.run(script, params, **options))

    def run_file(
        self, path: str | Path, params: Mapping[str, Value] | None = None, **options: Any
    ) -> RunResult:
        """Run the spell in the file `path`; see `Runtime.run_file`."""
        return self._runner.run(self._open.run_file(path, params, **options))

    def validate_file(self, path: str | Path) -> Header:
        """Parse the spell in the file `path` and run nothing; see `Runtime.validate_file`."""
        return self._runner.run(self._open.validate_file(path))
