"""What steps of reactive workflows wait for: changes of files, a timer, a stream."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from llmspell_bridges.fs.settings import FsSettings
from llmspell_bridges.policy.paths import PathPolicy
from llmspell_bridges.workflow.data import as_data
from llmspell_core import Callback, FileSystemError, UnsupportedError, ValidationError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from llmspell_core import Session

    Event = dict[str, Any]

_DEBOUNCE_MS = 30
"""How long a burst of changes may go on: editors write a file in several steps."""
_CHANGES = {1: "added", 2: "modified", 3: "deleted"}
_WHERE = "workflow.reactive"
_MOST_STARS = 4
"""How many `*` a pattern may have: each multiplies what comparing a name may take."""


async def ticks(every_s: float) -> AsyncGenerator[Event, None]:
    """Give an event every `every_s` seconds; those that come while a step works are left out."""
    loop = asyncio.get_running_loop()
    due, count = loop.time(), 0
    while True:
        due = max(due + every_s, loop.time())
        await asyncio.sleep(due - loop.time())
        count += 1
        yield {"type": "timer", "count": count}


async def batches(stream: Any) -> AsyncGenerator[Event, None]:
    """Give an event for each item of a stream that the script holds; in Lua, it is a function.

    Raises:
        LlmspellError: what the stream ends with.
    """
    while isinstance(stream, Callback):
        item = await stream()
        if item is None:
            return
        yield {"type": "stream", "item": as_data(item)}
    while True:
        batch = await stream.next()
        for item in batch["items"]:
            yield {"type": "stream", "item": as_data(item)}
        if batch["done"]:
            return


async def file_changes(pattern: str, session: Session) -> AsyncGenerator[Event, None]:
    """Watch a file, the files in a folder, or those whose name fits: ``docs/*.md``.

    Raises:
        PermissionDeniedError: the run may not read the file, or the folder.
        FileSystemError: there is no such folder.
        UnsupportedError: the package watchfiles is not installed.
    """
    awatch = _awatch()
    policy = _policy(session)
    folder, name = os.path.split(pattern)
    some = any(sign in name for sign in "*?[")
    if some and name.count("*") > _MOST_STARS:
        raise ValidationError(f"the pattern `{name[:80]}` has more than {_MOST_STARS} `*`")
    asked_for = (folder or ".") if some else pattern

    async def permitted() -> str:
        return await asyncio.to_thread(policy.resolve, asked_for, "read", _WHERE)

    resolved = await session.permitted(permitted, _WHERE)
    whole = not some and await asyncio.to_thread(os.path.isdir, resolved)
    if not some and not whole:
        resolved, name = os.path.split(resolved)
    if not await asyncio.to_thread(os.path.isdir, resolved):
        text = f"`{pattern[:200]}` cannot be watched: there is no such folder"
        raise FileSystemError(text, path=pattern, reason="not_found")

    def wanted(_: Any, path: str) -> bool:
        head, tail = os.path.split(path)
        return head == resolved and (whole or (fnmatchcase(tail, name) if some else tail == name))

    shown = pattern if whole else folder
    return _changes(awatch, resolved, wanted, lambda tail: os.path.join(shown, tail))  # noqa: PTH118 - text only


async def _changes(
    awatch: Any, folder: str, wanted: Callable[..., bool], named: Callable[[str], str]
) -> AsyncGenerator[Event, None]:
    changes = awatch(folder, watch_filter=wanted, debounce=_DEBOUNCE_MS, step=10, recursive=False)
    async with aclosing(changes) as batches_:
        async for batch in batches_:
            for change, path in sorted(batch):
                tail = os.path.basename(path)  # noqa: PTH119 - text only
                yield {"type": "file", "path": named(tail), "change": _CHANGES[int(change)]}


def _policy(session: Session) -> PathPolicy:
    settings = FsSettings.read(session.settings.get("fs", {}))
    return PathPolicy(lambda: session.permissions, root=settings.root, protected=settings.protected)


def _awatch() -> Any:
    try:
        from watchfiles import awatch
    except ModuleNotFoundError as missing:
        text = (
            f"watching files needs the package `{missing.name}`; "
            'install it with: pip install "llmspell-bridges[workflow]"'
        )
        raise UnsupportedError(text, capability="workflow") from missing
    return awatch
