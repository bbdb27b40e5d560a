"""Hot reload: a spell that follows its file and its includes."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, NamedTuple

from llmspell_core.errors import LlmspellError, UnsupportedError
from llmspell_core.spell import Spell

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping
    from types import TracebackType
    from typing import Self

    from llmspell_core.runtime import RunResult, Runtime
    from llmspell_core.values import Value

    OnReload = Callable[["LiveSpell"], None]

DEBOUNCE_MS = 30
"""How long a burst of changes may go on: editors write a file in several steps."""
SETTLE_S = 0.02
EMPTIED_S = 0.5
"""How long an empty file is taken for one that is being written: a write empties a file first."""
_PATIENCE = 10


class LiveSpell:
    """A spell that is read again when it, or a file it includes, changes.

    A changed version is validated first and then takes the place of the old one at once; runs in
    flight finish on the version they started with. A change that does not parse leaves the last
    good version in place: `error` says why, until a later change parses. Use it as
    ``async with runtime.load("greet.lua") as spell: await spell.run({"name": "Ada"})``.
    """

    def __init__(self, runtime: Runtime, path: str, on_reload: OnReload | None = None) -> None:
        """Follow `path`; `on_reload` is called after each change, good or not."""
        self._runtime = runtime
        self._path = path
        self._on_reload = on_reload
        self._watcher: asyncio.Task[None] | None = None
        self._started = asyncio.Event()
        self._spell: Spell | None = None
        self.error: LlmspellError | None = None
        self.reloads = 0

    async def __aenter__(self) -> Self:
        """Read and validate the first version, then follow the files.

        Raises:
            LlmspellError: the first version does not parse or cannot be read.
            UnsupportedError: the package watchfiles is not installed.
        """
        await self._swap()
        self._watcher = asyncio.create_task(self._watch(), name=f"llmspell-watch-{self._path}")
        started = asyncio.create_task(self._started.wait())
        await asyncio.wait({self._watcher, started}, return_when=asyncio.FIRST_COMPLETED)
        started.cancel()
        if self._watcher.done():
            await self._watcher
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop following."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)

    @property
    def spell(self) -> Spell:
        """The version that the next run uses."""
        if self._spell is None:
            text = "use `async with runtime.load(path) as spell:`"
            raise RuntimeError(text)
        return self._spell

    @property
    def version(self) -> str:
        """The content hash of the version that the next run uses."""
        return self.spell.version

    async def run(self, params: Mapping[str, Value] | None = None, **options: Any) -> RunResult:
        """Run the newest good version; see `Runtime.run` for the options."""
        return await self._runtime.run_spell(self.spell, params, **options)

    async def _swap(self, unless: str | None = None) -> bool:
        """Read and validate the newest version; only then let it take the old one's place."""
        fresh = await self._read()
        if fresh.version == unless:
            return False
        engine = await self._runtime.engine_for_suffix(fresh.source.suffix, fresh.name)
        await engine.validate_syntax(fresh.source.text, fresh.name)
        for include in fresh.includes.values():
            if include.error is None:
                await engine.validate_syntax(include.source, include.name)
        self._spell = fresh
        return True

    async def _read(self) -> Spell:
        """Read the spell while nobody writes it."""
        for _ in range(_PATIENCE):
            before, age_s = await asyncio.to_thread(_state, self._path)
            settle_s = SETTLE_S if before.size else EMPTIED_S
            if 0 <= age_s < settle_s:
                await asyncio.sleep(settle_s - age_s)
                continue
            spell = await asyncio.to_thread(Spell.read, self._path)
            if (await asyncio.to_thread(_state, self._path))[0] == before:
                return spell
        return await asyncio.to_thread(Spell.read, self._path)

    async def _reload(self, unless: str | None = None) -> None:
        """Take over the newest version, if it is not the one called `unless`."""
        try:
            if not await self._swap(unless):
                return
        except LlmspellError as error:
            self.error = error
        else:
            self.error = None
        self.reloads += 1
        if self._on_reload is not None:
            self._on_reload(self)

    async def _watch(self) -> None:
        """Reload on each change; the folders are watched anew when the includes change."""
        awatch = _import_awatch()
        while True:
            files = _files(self)
            changes = awatch(
                *sorted({os.path.dirname(file) for file in files}),  # noqa: PTH120
                watch_filter=None,
                debounce=DEBOUNCE_MS,
                step=10,
                recursive=False,
            )
            async with aclosing(changes):
                following = asyncio.create_task(anext(changes))
                try:
                    await self._follow(changes, following, files)
                finally:
                    following.cancel()
                    await asyncio.gather(following, return_exceptions=True)

    async def _follow(
        self,
        changes: AsyncGenerator[set[tuple[Any, str]], None],
        following: asyncio.Task[set[tuple[Any, str]]],
        files: frozenset[str],
    ) -> None:
        """Reload until the set of files is another one."""
        await asyncio.sleep(0)  # the watch begins with the first step of `following`
        self._started.set()
        await self._reload(unless=self.version)  # what changed while nothing was watched
        changed = await following
        while _files(self) == files:
            if _touches(files, changed):
                await self._reload()
            if _files(self) == files:
                changed = await anext(changes)


def _files(live: LiveSpell) -> frozenset[str]:
    return frozenset(os.path.realpath(file) for file in live.spell.files)


class _State(NamedTuple):
    """What changes with every write of a file."""

    inode: int
    size: int
    modified_ns: int


def _state(path: str) -> tuple[_State, float]:
    """Return the file's state, and how many seconds ago its last write was."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return _State(0, 0, 0), -1.0
    state = _State(found.st_ino, found.st_size, found.st_mtime_ns)
    return state, time.time() - found.st_mtime


def _touches(files: frozenset[str], changed: set[tuple[Any, str]]) -> bool:
    return not files.isdisjoint({os.path.realpath(path) for _, path in changed})


def _import_awatch() -> Callable[..., AsyncGenerator[set[tuple[Any, str]], None]]:
    try:
        from watchfiles import awatch
    except ImportError as error:
        text = "hot reload needs the package watchfiles: pip install 'llmspell-core[reload]'"
        raise UnsupportedError(text, capability="reload") from error
    return awatch
