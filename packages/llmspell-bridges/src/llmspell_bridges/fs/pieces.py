"""Reading a file piece by piece: its life as a stream, and its lines."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable

_BATCH_BYTES = 64 * 1024


async def opened(opening: Callable[[], BinaryIO]) -> BinaryIO:
    """Open a file in a thread; one that was opened too late is closed."""
    task = asyncio.ensure_future(asyncio.to_thread(opening))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(_close_unused)
        raise


def _close_unused(task: asyncio.Task[BinaryIO]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


def read_lines(file: BinaryIO, longest: int) -> list[bytes]:
    """Read some lines without their ends; a line of more than `longest` bytes is the last."""
    found: list[bytes] = []
    size = 0
    while size < _BATCH_BYTES:
        line = file.readline(longest + 2)  # room for its end
        if not line:
            break
        size += len(line)
        found.append(line.removesuffix(b"\n").removesuffix(b"\r") if line[-1:] == b"\n" else line)
        if len(found[-1]) > longest:
            break
    return found
