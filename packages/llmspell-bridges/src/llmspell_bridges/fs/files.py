"""Blocking work on files, in threads; each function takes an open `Place`, so no link leads it."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, TypedDict

from llmspell_bridges.fs.errors import problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_bridges.policy.paths import Place

_FLAGS = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_CHUNK = 1024 * 1024
MAX_ENTRIES = 20_000
"""Entries of one folder: more would not fit in one message to a script."""


class Entry(TypedDict):
    """One entry of a folder; `size` in bytes."""

    name: str
    type: str
    size: int


def kind(mode: int) -> str:
    """Say what a file's mode makes it: ``file``, ``folder``, ``link`` or ``other``."""
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "other"


def open_regular(place: Place, where: str, flags: int, *, existing: bool = True) -> int:
    """Open a regular file and nothing else: a pipe or a device could hang the host.

    It is looked at before it is opened (opening a device can have effects) and after, because
    somebody may have put another in its place.
    """
    if existing:
        _check_regular(place.status(), place, where)
    descriptor = os.open(place.name, flags | _FLAGS, 0o666, dir_fd=place.folder)
    try:
        status = os.fstat(descriptor)
        place.protected.check(status, place.path)
        _check_regular(status, place, where)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_regular(status: os.stat_result, place: Place, where: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "")
    if stat.S_ISLNK(status.st_mode):
        raise OSError(errno.ELOOP, "")
    if not stat.S_ISREG(status.st_mode):
        what = "it is a pipe, a socket or a device; only regular files are read and written"
        raise problem(where, place.path, "not_regular", what)


def open_stream(place: Place, where: str) -> BinaryIO:
    """Open a file for reading it piece by piece."""
    return os.fdopen(open_regular(place, where, os.O_RDONLY), "rb")


def read(place: Place, where: str, limit: int) -> bytes:
    """Read the whole file, at most `limit` bytes."""
    with open_stream(place, where) as file:
        size = os.fstat(file.fileno()).st_size
        data = b"" if size > limit else file.read(limit + 1)
    if size > limit or len(data) > limit:
        what = (
            f"it has {max(size, len(data)):,} bytes, more than {limit:,}; "
            "read it piece by piece with `fs.lines` or `fs.chunks`, or raise max_bytes"
        )
        raise problem(where, place.path, "too_large", what)
    return data


def write(place: Place, where: str, data: bytes, stopped: Callable[[], bool]) -> int:
    """Put `data` in the place of the file, whole or not at all; return the number of bytes.

    A new file beside it is filled, flushed to the disk and renamed over it. When anything fails,
    or `stopped` says so before the rename, the old file is as it was and the new one is gone.
    """
    old_mode = _mode_to_keep(place, where)
    temporary = f".llmspell-{os.urandom(8).hex()}.tmp"
    descriptor = os.open(
        temporary,
        os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS,
        0o666 if old_mode is None else old_mode,
        dir_fd=place.folder,
    )
    try:
        try:
            if old_mode is not None:
                os.fchmod(descriptor, old_mode)
            _write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _go_on(stopped)
        os.rename(temporary, place.name, src_dir_fd=place.folder, dst_dir_fd=place.folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=place.folder)
        raise
    return len(data)


def _go_on(stopped: Callable[[], bool]) -> None:
    if stopped():
        raise InterruptedError(errno.EINTR, "cancelled; nothing was changed")


def _mode_to_keep(place: Place, where: str) -> int | None:
    """Check that the file may be replaced, and return its mode; None if there is none."""
    try:
        status = place.status()
    except FileNotFoundError:
        return None
    _check_regular(status, place, where)
    # a rename would replace even a file that its owner made read-only
    if not os.access(place.name, os.W_OK, dir_fd=place.folder):
        what = "the file is read-only; change its mode, or write to another"
        raise problem(where, place.path, "read_only", what)
    return stat.S_IMODE(status.st_mode) & 0o777


def append(place: Place, where: str, data: bytes) -> int:
    """Add `data` to the end of the file, which is made if there is none.

    What a full disk leaves half written is taken back.
    """
    try:
        descriptor = open_regular(place, where, os.O_WRONLY | os.O_APPEND)
    except FileNotFoundError:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
        descriptor = open_regular(place, where, flags, existing=False)
    try:
        before = os.fstat(descriptor).st_size
        try:
            _write_all(descriptor, data)
        except OSError:
            os.ftruncate(descriptor, before)
            raise
    finally:
        os.close(descriptor)
    return len(data)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view[:_CHUNK]) :]


def entries(place: Place, where: str) -> list[Entry]:
    r"""List a folder, sorted by name; a name that is not UTF-8 is shown with ``\xNN``."""
    flags = os.O_RDONLY | os.O_DIRECTORY | _FLAGS
    descriptor = os.open(place.name, flags, dir_fd=place.folder)
    try:
        place.protected.check(os.fstat(descriptor), place.path)
        found: list[Entry] = []
        with os.scandir(descriptor) as scan:
            for entry in scan:
                if len(found) == MAX_ENTRIES:
                    what = f"it has more than {MAX_ENTRIES:,} entries; sort them into folders"
                    raise problem(where, place.path, "too_large", what)
                with suppress(FileNotFoundError):  # gone since the folder was read
                    status = entry.stat(follow_symlinks=False)
                    name = os.fsencode(entry.name).decode("utf-8", "backslashreplace")
                    found.append(
                        {"name": name, "type": kind(status.st_mode), "size": status.st_size}
                    )
    finally:
        os.close(descriptor)
    return sorted(found, key=lambda item: item["name"])


def make_folder(place: Place) -> None:
    """Make one folder; it may be there already."""
    try:
        os.mkdir(place.name, dir_fd=place.folder)
    except FileExistsError:
        status = place.status()
        if stat.S_ISLNK(status.st_mode):
            raise OSError(errno.ELOOP, "") from None
        if not stat.S_ISDIR(status.st_mode):
            raise


def remove(place: Place, where: str, *, recursive: bool) -> None:
    """Remove a file, a link (not what it leads to), or a folder."""
    place.protected.check_removal(place.resolved, place.path)
    status = place.status()
    if not stat.S_ISDIR(status.st_mode):
        os.unlink(place.name, dir_fd=place.folder)
    elif not recursive:
        try:
            os.rmdir(place.name, dir_fd=place.folder)
        except FileExistsError:  # what some systems say for "not empty"
            raise OSError(errno.ENOTEMPTY, "") from None
    else:
        import shutil

        if not shutil.rmtree.avoids_symlink_attacks:  # pragma: no cover - on no POSIX system
            raise problem(where, place.path, "io", "this system cannot remove folders safely")
        shutil.rmtree(place.name, dir_fd=place.folder)
