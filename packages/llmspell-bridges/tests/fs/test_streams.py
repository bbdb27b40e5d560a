"""Reading files piece by piece."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core import FileSystemError, PermissionDeniedError
from llmspell_core.dispatch import call

if TYPE_CHECKING:
    from conftest import Fs

    from llmspell_core import Session

pytestmark = pytest.mark.anyio


def open_files() -> int:
    """Count this process's descriptors."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def everything(session: Session, handle: Any) -> list[Any]:
    """Pull a stream to its end."""
    items: list[Any] = []
    done = False
    while not done:
        answer: Any = await call(session, handle.id, "next", [])
        items += answer["items"]
        done = answer["done"]
    return items


async def test_lines_come_without_their_ends(fs: Fs, session: Session, root: Path) -> None:
    """Both kinds of line ends are taken off; the last line needs none."""
    (root / "a").write_bytes("one\r\ntwö\n\nlast\r".encode())
    assert await everything(session, await fs("lines", "a")) == ["one", "twö", "", "last\r"]


async def test_many_lines_come_all_and_in_order(fs: Fs, session: Session, root: Path) -> None:
    """More than one batch."""
    (root / "a").write_text("".join(f"line {n}\n" for n in range(30_000)))
    lines = await everything(session, await fs("lines", "a"))
    assert lines == [f"line {n}" for n in range(30_000)]


async def test_a_line_that_is_too_long_is_an_error_after_those_before(
    fs: Fs, session: Session, root: Path
) -> None:
    """Its number and the remedy are named."""
    (root / "a").write_text("short\n" + "x" * 11 + "\n")
    assert await everything(session, await fs("lines", "a", {"max_bytes": 11})) == [
        "short",
        "x" * 11,
    ]
    stream = await fs("lines", "a", {"max_bytes": 10})
    assert await call(session, stream.id, "next", []) == {"items": ["short"], "done": False}
    with pytest.raises(FileSystemError, match="line 2 is longer than 10 bytes; raise max_bytes"):
        await call(session, stream.id, "next", [])


async def test_a_line_that_is_not_text_is_named(fs: Fs, session: Session, root: Path) -> None:
    """With its number and the remedy."""
    (root / "a").write_bytes(b"\xff\n")
    with pytest.raises(FileSystemError, match=r"0xff at line 1, byte 0\); use `fs.chunks`"):
        await everything(session, await fs("lines", "a"))


async def test_chunks_give_all_bytes(fs: Fs, session: Session, root: Path) -> None:
    """Each of the size asked for, but the last."""
    data = os.urandom(10_000)
    (root / "a").write_bytes(data)
    pieces = await everything(session, await fs("chunks", "a", {"max_bytes": 4096}))
    assert [len(piece) for piece in pieces] == [4096, 4096, 10_000 - 8192]
    assert b"".join(pieces) == data


async def test_leaving_a_stream_early_closes_its_file(fs: Fs, session: Session, root: Path) -> None:
    """No descriptor stays open."""
    (root / "a").write_bytes(b"x" * 5_000_000)
    before = open_files()
    stream = await fs("chunks", "a", {"max_bytes": 100})
    await call(session, stream.id, "next", [1])
    assert open_files() == before + 1
    await session.handles.release(stream.id)
    assert open_files() == before


async def test_a_stream_is_checked_like_everything_else(fs: Fs, session: Session) -> None:
    """The refusal comes with the first item."""
    with pytest.raises(PermissionDeniedError, match="--allow-read=/etc/passwd"):
        await everything(session, await fs("lines", "/etc/passwd"))
