# ruff: noqa: ARG001 - every attempt is given a scene, whether it aims at it or not
# ruff: noqa: PTH109 - each names one system call, which pathlib would hide
"""Attempts on what files and folders are: to look at it, to change it, to be told of changes."""

from __future__ import annotations

import ctypes
import os
from errno import EACCES, ENODATA, ENOSYS, EOPNOTSUPP, EPERM

from llmspell_testkit.hostile.attack.attempt import Scene, attempt
from llmspell_testkit.hostile.attack.system import AT_FDCWD, call, words


def _canary(scene: Scene) -> bytes:
    return os.fsencode(f"{scene.folder}/canary")


def _buffer(size: int = 4096) -> ctypes.Array[ctypes.c_char]:
    return ctypes.create_string_buffer(size)


@attempt("fchmodat")
def change_mode(scene: Scene) -> None:
    """Open a file to everybody."""
    call("fchmodat", AT_FDCWD, _canary(scene), 0o666)


@attempt("fchmodat2", absent=[ENOSYS])
def change_mode_by_the_new_call(scene: Scene) -> None:
    """Open a file to everybody, through the system call that filters forget."""
    call("fchmodat2", AT_FDCWD, _canary(scene), 0o666, 0)


@attempt("fchownat")
def change_owner(scene: Scene) -> None:
    """Give a file away (to its owner, which asks for the same right)."""
    call("fchownat", AT_FDCWD, _canary(scene), os.getuid(), os.getgid(), 0)


@attempt("utimensat")
def change_times(scene: Scene) -> None:
    """Make a file look older, so that nobody builds it again."""
    call("utimensat", AT_FDCWD, _canary(scene), words(1, 0, 1, 0), 0)


@attempt("newfstatat")
def stat(scene: Scene) -> None:
    """Ask whether a file exists, how large it is and whose."""
    call("newfstatat", AT_FDCWD, _canary(scene), _buffer(), 0)


@attempt("newfstatat")
def stat_link(scene: Scene) -> None:
    """Ask what a name is without following it."""
    call("newfstatat", AT_FDCWD, _canary(scene), _buffer(), 0x100)


@attempt("statx")
def stat_by_the_new_call(scene: Scene) -> None:
    """Ask for a file's metadata through the system call that filters forget."""
    call("statx", AT_FDCWD, _canary(scene), 0, 0xFFF, _buffer())


@attempt("fstat")
def stat_descriptor(scene: Scene) -> None:
    """Ask what the inherited descriptors are."""
    call("fstat", 0, _buffer())


@attempt("readlinkat")
def read_link(scene: Scene) -> None:
    """Read where the interpreter lies from a link in /proc (or where this process stands)."""
    call("readlinkat", AT_FDCWD, b"/proc/self", _buffer(), 100)


@attempt("faccessat")
def access(scene: Scene) -> None:
    """Ask whether a file may be read."""
    call("faccessat", AT_FDCWD, _canary(scene), os.R_OK)


@attempt("faccessat2", absent=[ENOSYS])
def access_by_the_new_call(scene: Scene) -> None:
    """Ask whether a file may be read, through the system call that filters forget."""
    call("faccessat2", AT_FDCWD, _canary(scene), os.R_OK, 0)


@attempt("statfs")
def stat_file_system(scene: Scene) -> None:
    """Ask what file system a folder lies on, and how full it is."""
    call("statfs", os.fsencode(scene.folder), _buffer())


@attempt("chdir")
def change_folder(scene: Scene) -> None:
    """Step into another folder."""
    os.chdir(scene.folder)


@attempt("getcwd")
def current_folder(scene: Scene) -> None:
    """Learn where the host was started."""
    os.getcwd()


@attempt("chroot", futile="needs CAP_SYS_CHROOT")
def change_root(scene: Scene) -> None:
    """Become the one who decides what `/` is."""
    call("chroot", b"/")


@attempt("umask")
def change_mask(scene: Scene) -> None:
    """Have the files made later be open to everybody."""
    call("umask", 0)


@attempt("inotify_init1")
def watch_folder(scene: Scene) -> None:
    """Be told what others do in a folder."""
    fd = call("inotify_init1", 0)
    call("inotify_add_watch", fd, os.fsencode(scene.folder), 0xFFF)


@attempt("fanotify_init", absent=[ENOSYS, EPERM])
def watch_file_system(scene: Scene) -> None:
    """Be told what others do on a whole file system."""
    call("fanotify_init", 0x200, os.O_RDONLY)


@attempt("name_to_handle_at", absent=[EOPNOTSUPP])
def file_handle(scene: Scene) -> None:
    """Get a file's number, by which it can be opened past all folders."""
    handle = _buffer(8 + 128)
    handle.raw = (128).to_bytes(4, "little") + bytes(132)
    call("name_to_handle_at", AT_FDCWD, _canary(scene), handle, _buffer(4), 0)


@attempt("open_by_handle_at", futile="needs CAP_DAC_READ_SEARCH")
def open_by_handle(scene: Scene) -> None:
    """Open a file by its number, past all folders: how containers were escaped once."""
    call("open_by_handle_at", 0, _buffer(136), os.O_RDONLY)


@attempt("listxattr", absent=[EOPNOTSUPP])
def list_attributes(scene: Scene) -> None:
    """List a file's extended attributes."""
    call("listxattr", _canary(scene), _buffer(), 4096)


@attempt("getxattr", absent=[EOPNOTSUPP])
def read_attribute(scene: Scene) -> None:
    """Read what is hidden beside a file."""
    try:
        call("getxattr", _canary(scene), b"user.llmspell", _buffer(), 4096)
    except OSError as error:
        if error.errno != ENODATA:  # nothing is: the call was made
            raise


@attempt("setxattr", absent=[EOPNOTSUPP, EACCES])
def write_attribute(scene: Scene) -> None:
    """Hide data beside a file."""
    call("setxattr", _canary(scene), b"user.llmspell", b"x", 1, 0)


@attempt("syncfs")
def write_the_disk(scene: Scene) -> None:
    """Make every other program wait for the disk."""
    call("syncfs", 0)
