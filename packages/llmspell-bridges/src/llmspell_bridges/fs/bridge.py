"""Files and folders for spells: checked by `PathPolicy`, done in threads."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, TypedDict, TypeVar

import msgspec

from llmspell_bridges.data import Data, as_bytes
from llmspell_bridges.fs import files
from llmspell_bridges.fs.errors import problem, translated
from llmspell_bridges.fs.pieces import opened, read_lines
from llmspell_bridges.fs.settings import FsSettings
from llmspell_bridges.policy.paths import Access, PathPolicy, Place
from llmspell_core import (
    Bridge,
    CallContext,
    FileSystemError,
    PermissionDeniedError,
    Session,
    method,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

MIB = 1024 * 1024
READ_BYTES = 10 * MIB
READ_BYTES_MOST = 15 * MIB  # one message to a script holds 16 MiB

Path = Annotated[str, "A path; a relative one starts at the folder the spell is run in"]
Size = Annotated[
    int, msgspec.Meta(ge=1, le=READ_BYTES_MOST, description="The most bytes to read at once")
]


class Status(TypedDict):
    """What is known of a file; `size` in bytes, `modified` as in RFC 3339."""

    type: str
    size: int
    modified: str


class FsBridge(Bridge):
    """Reads and writes the files that the run was granted."""

    name = "fs"
    scope = "run"
    by_name = True

    def __init__(self, settings: FsSettings | None = None, session: Session | None = None) -> None:
        """Keep the settings; without a `session` nothing is granted."""
        self._settings = settings or FsSettings.read({})
        self._session = session or Session()
        self._policy = PathPolicy(
            lambda: self._session.permissions,
            root=self._settings.root,
            protected=self._settings.protected,
        )

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> FsBridge:
        """Make the bridge from the host's settings; see `FsSettings`."""
        return cls(FsSettings.read(settings))

    def for_run(self, session: Session) -> FsBridge:
        """Make the instance of one run, with its grants."""
        return type(self)(self._settings, session)

    async def refusal(self, path: str, access: Access, where: str) -> PermissionDeniedError | None:
        """Say how `path` would be refused now, nobody being asked; None where it would not."""
        try:
            await asyncio.to_thread(self._policy.resolve, path, access, where)
        except PermissionDeniedError as refused:
            return refused
        return None

    @method(effects=("read",), example={"path": "notes.txt"}, returns="The file's text, or bytes")
    async def read(
        self,
        path: Path,
        *,
        binary: Annotated[bool, "Return bytes, whatever they mean"] = False,
        max_bytes: Size = READ_BYTES,
        ctx: CallContext,
    ) -> str | bytes:
        """Read a whole file, which is UTF-8 text unless `binary` is given."""
        work = partial(files.read, where=ctx.where, limit=max_bytes)
        data = await self._do(path, "read", ctx.where, work)
        return data if binary else _text(data, path, ctx.where)

    @method(effects=("read",), example={"path": "big.log"}, returns="Each line, without its end")
    async def lines(
        self,
        path: Path,
        *,
        max_bytes: Annotated[
            int, msgspec.Meta(ge=1, le=READ_BYTES, description="The most bytes of one line")
        ] = MIB,
        ctx: CallContext,
    ) -> AsyncIterator[str]:
        """Read a text file of any size line by line."""
        async with self._opened(path, ctx.where) as file:
            number = 0
            while batch := await asyncio.to_thread(read_lines, file, max_bytes):
                for line in batch:
                    number += 1
                    if len(line) > max_bytes:
                        what = (
                            f"line {number} is longer than {max_bytes:,} bytes; "
                            "raise max_bytes, or use `fs.chunks`"
                        )
                        raise problem(ctx.where, path, "too_large", what)
                    yield _text(line, path, ctx.where, number)

    @method(effects=("read",), example={"path": "big.bin"}, returns="Each piece, as bytes")
    async def chunks(
        self, path: Path, *, max_bytes: Size = 64 * 1024, ctx: CallContext
    ) -> AsyncIterator[bytes]:
        """Read a file of any size in pieces of `max_bytes` bytes; the last may be smaller."""
        async with self._opened(path, ctx.where) as file:
            while piece := await asyncio.to_thread(file.read, max_bytes):
                yield piece

    @method(
        effects=("write",), example={"path": "out.txt", "content": "hi"}, returns="Bytes written"
    )
    async def write(
        self,
        path: Path,
        content: Annotated[Data, "What the file shall hold; text is written as UTF-8"],
        *,
        parents: Annotated[bool, "Make the folders that are missing"] = False,
        ctx: CallContext,
    ) -> int:
        """Write a file, whole or not at all: a failure leaves the old one as it was."""
        stop = threading.Event()
        data = as_bytes(content)
        if parents:
            await self._make_folders(os.path.dirname(path) or ".", ctx.where)  # noqa: PTH120
        try:
            work = partial(files.write, where=ctx.where, data=data, stopped=stop.is_set)
            return await self._do(path, "write", ctx.where, work, creating=True)
        except asyncio.CancelledError:
            stop.set()  # the thread cannot be stopped, but it can leave the old file
            raise

    @method(
        effects=("write",), example={"path": "log.txt", "content": "hi\n"}, returns="Bytes added"
    )
    async def append(
        self,
        path: Path,
        content: Annotated[Data, "What to add; text is written as UTF-8"],
        *,
        ctx: CallContext,
    ) -> int:
        """Add to the end of a file, which is made if there is none."""
        work = partial(files.append, where=ctx.where, data=as_bytes(content))
        return await self._do(path, "write", ctx.where, work, creating=True)

    @method(effects=("read",), example={"path": "."}, returns="Entries with name, type and size")
    async def list(self, path: Path = ".", *, ctx: CallContext) -> list[files.Entry]:  # noqa: A003 - the name that scripts call it by
        """List a folder, sorted by name; `type` is file, folder, link or other."""
        return await self._do(path, "read", ctx.where, partial(files.entries, where=ctx.where))

    @method(effects=("read",), example={"path": "notes.txt"})
    async def exists(self, path: Path, *, ctx: CallContext) -> bool:
        """Say whether there is a file or folder of this path."""
        try:
            await self._do(path, "read", ctx.where, Place.status)
        except FileSystemError as error:
            if error.reason in ("not_found", "not_folder"):
                return False
            raise
        return True

    @method(effects=("read",), example={"path": "notes.txt"})
    async def stat(self, path: Path, *, ctx: CallContext) -> Status:
        """Tell a file's type, size and time of change; a link's are those of what it leads to."""
        status = await self._do(path, "read", ctx.where, _unlinked_status)
        from datetime import UTC, datetime

        modified = datetime.fromtimestamp(status.st_mtime, UTC)
        text = modified.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"type": files.kind(status.st_mode), "size": status.st_size, "modified": text}

    @method(effects=("write",), example={"path": "research/notes"})
    async def mkdir(self, path: Path, *, ctx: CallContext) -> None:
        """Make a folder and those above it; one that is there already is left as it is."""
        await self._make_folders(path, ctx.where)

    @method(effects=("write",), example={"path": "old.txt"})
    async def remove(
        self,
        path: Path,
        *,
        recursive: Annotated[bool, "Remove a folder with all that is in it"] = False,
        ctx: CallContext,
    ) -> None:
        """Remove a file, an empty folder, or a link (not what it leads to)."""
        work = partial(files.remove, where=ctx.where, recursive=recursive)
        await self._do(path, "write", ctx.where, work, follow=False)

    async def _do(
        self,
        path: str,
        access: Access,
        where: str,
        work: Callable[[Place], T],
        *,
        follow: bool = True,
        creating: bool = False,
    ) -> T:
        async def use() -> T:
            using = partial(self._policy.use, path, access, where, work, follow=follow)
            return await asyncio.to_thread(using)

        with translated(where, path, creating=creating):
            return await self._session.permitted(use, where)

    @asynccontextmanager
    async def _opened(self, path: str, where: str) -> AsyncIterator[BinaryIO]:
        """Open a file for reading it piece by piece."""
        work = partial(files.open_stream, where=where)
        use = partial(self._policy.use, path, "read", where, work)
        with translated(where, path):
            file = await self._session.permitted(partial(opened, use), where)
        try:
            yield file
        finally:
            file.close()  # waits for a read that is going on in its thread: one piece at most

    async def _make_folders(self, path: str, where: str) -> None:
        missing = [path]
        while missing:
            try:
                await self._do(missing[-1], "write", where, files.make_folder)
                missing.pop()
            except FileSystemError as error:
                above = os.path.dirname(self._policy.clean(missing[-1]))  # noqa: PTH120
                if error.reason != "not_found" or above == missing[-1]:
                    raise
                missing.append(above)


def _unlinked_status(place: Place) -> os.stat_result:
    """Look at what is there; a link that has just been put there is resolved anew."""
    status = place.status()
    if stat.S_ISLNK(status.st_mode):
        raise OSError(errno.ELOOP, "")
    return status


def _text(data: bytes, path: str, where: str, line: int | None = None) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        at = f"byte {error.start}" if line is None else f"line {line}, byte {error.start}"
        remedy = "`fs.read` it with {binary = true}" if line is None else "use `fs.chunks`"
        what = f"it is not UTF-8 text (0x{data[error.start]:02x} at {at}); {remedy}"
        raise problem(where, path, "not_text", what) from None
