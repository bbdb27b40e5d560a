"""Run a command as a user without privileges: as `nobody` when root asks, else as who asks.

Usage: python tools/unprivileged.py COMMAND…

The sandbox must hold without any privilege, and a CI machine often works as root. An interpreter
or a checkout below a folder that only root may enter (``/root/.pyenv``) is bound to its own path in
a mount namespace of this command alone: nothing changes on the machine.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

NOBODY = 65534
_CLONE_NEWNS = 0x00020000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000

_libc = ctypes.CDLL(None, use_errno=True)


def main(command: list[str]) -> None:
    """Become nobody and run `command` in place of this program."""
    if not command:
        sys.exit(__doc__)
    if os.geteuid() == 0:
        _open_paths([Path(sys.base_prefix), Path(sys.prefix), Path.cwd()])
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        # what a user without a home of their own has
        os.environ.update(HOME="/nonexistent", XDG_CACHE_HOME="/nonexistent", USER="nobody")
    os.execvp(command[0], command)  # noqa: S606 - the caller's own command, no shell


def _open_paths(needed: list[Path]) -> None:
    """Make each of `needed` reachable for everybody, in this process's own view of the files."""
    closed = {path: folder for path in needed if (folder := _closed_folder(path)) is not None}
    if not closed:
        return
    _check(_libc.unshare(_CLONE_NEWNS), "unshare")
    _mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE)
    held = {path: os.open(path, os.O_PATH) for path in closed}
    for folder in set(closed.values()):
        _mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, b"mode=755")
    for path, fd in held.items():
        path.mkdir(parents=True, exist_ok=True)
        _mount(b"/proc/self/fd/%d" % fd, os.fsencode(path), None, _MS_BIND | _MS_REC)
        os.close(fd)


def _closed_folder(path: Path) -> Path | None:
    """Find the topmost folder above `path` that others may not enter."""
    folders = [*reversed(path.resolve().parents), path.resolve()]
    return next((folder for folder in folders if not folder.stat().st_mode & 0o001), None)


def _mount(
    source: bytes, target: bytes, kind: bytes | None, flags: int, data: bytes | None = None
) -> None:
    _check(_libc.mount(source, target, kind, ctypes.c_ulong(flags), data), target.decode())


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), what)


if __name__ == "__main__":
    main(sys.argv[1:])
