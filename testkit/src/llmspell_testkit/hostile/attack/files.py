# ruff: noqa: ARG001 - every attempt is given a scene, whether it aims at it or not
# ruff: noqa: PTH108, PTH116, PTH123, PTH208 - each names one system call, which pathlib would hide
"""Attempts on files: to read, write, make and remove them, by every call that can."""

from __future__ import annotations

import os
from contextlib import suppress
from errno import ENOSYS, EOPNOTSUPP

from llmspell_testkit.hostile.attack.attempt import Scene, attempt
from llmspell_testkit.hostile.attack.system import AT_FDCWD, call, words


def _canary(scene: Scene) -> str:
    return f"{scene.folder}/canary"


def _new(scene: Scene) -> str:
    return f"{scene.folder}/new"


def read_text(path: str) -> str:
    """Read a file by the plainest means."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


@attempt("openat")
def open_read(scene: Scene) -> None:
    """Read a file of the user's."""
    assert scene.canary in read_text(_canary(scene))


@attempt("open", only="x86_64")
def open_read_by_the_old_call(scene: Scene) -> None:
    """Read a file through the system call that libraries no longer use."""
    fd = call("open", _canary(scene).encode(), os.O_RDONLY)
    assert os.read(fd, 100).decode() == scene.canary


@attempt("openat2", absent=[ENOSYS])
def open_read_by_the_new_call(scene: Scene) -> None:
    """Read a file through the system call that filters forget."""
    fd = call("openat2", AT_FDCWD, _canary(scene).encode(), words(os.O_RDONLY, 0, 0), 24)
    assert os.read(fd, 100).decode() == scene.canary


@attempt("openat")
def read_passwords(scene: Scene) -> None:
    """Read the list of the machine's users."""
    assert "root" in read_text("/etc/passwd")


@attempt("openat")
def open_write(scene: Scene) -> None:
    """Overwrite a file of the user's."""
    assert os.write(os.open(_canary(scene), os.O_WRONLY), b"overwritten")


@attempt("openat")
def open_append(scene: Scene) -> None:
    """Append to a file of the user's, as to a shell's start-up file."""
    assert os.write(os.open(_canary(scene), os.O_WRONLY | os.O_APPEND), b"appended")


@attempt("openat")
def open_create(scene: Scene) -> None:
    """Make a new file."""
    os.open(_new(scene), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


@attempt("openat")
def open_truncate(scene: Scene) -> None:
    """Empty a file by opening it."""
    os.open(_canary(scene), os.O_WRONLY | os.O_TRUNC)
    assert not os.stat(_canary(scene)).st_size


@attempt("openat")
def open_path(scene: Scene) -> None:
    """Get hold of a folder without reading it, as a place to start from."""
    os.open(scene.folder, os.O_PATH | os.O_DIRECTORY)


@attempt("openat", absent=[EOPNOTSUPP])
def open_nameless(scene: Scene) -> None:
    """Make a file without a name, to be linked in later."""
    os.open(scene.folder, os.O_WRONLY | os.O_TMPFILE, 0o600)


@attempt("creat", only="x86_64")
def create_by_the_old_call(scene: Scene) -> None:
    """Make a file through the system call that libraries no longer use."""
    call("creat", _new(scene).encode(), 0o600)


@attempt("truncate")
def truncate(scene: Scene) -> None:
    """Empty a file without opening it."""
    os.truncate(_canary(scene), 0)


@attempt("openat")
def list_folder(scene: Scene) -> None:
    """List a folder of the user's."""
    assert "canary" in os.listdir(scene.folder)


@attempt("openat")
def list_root(scene: Scene) -> None:
    """List the top of the file system."""
    assert os.listdir("/")


@attempt("mkdirat")
def make_folder(scene: Scene) -> None:
    """Make a folder."""
    call("mkdirat", AT_FDCWD, _new(scene).encode(), 0o700)


@attempt("unlinkat")
def remove_folder(scene: Scene) -> None:
    """Remove a folder."""
    call("unlinkat", AT_FDCWD, f"{scene.folder}/empty".encode(), 0x200)


@attempt("unlinkat")
def remove_file(scene: Scene) -> None:
    """Remove a file."""
    call("unlinkat", AT_FDCWD, _canary(scene).encode(), 0)


@attempt("renameat2")
def rename(scene: Scene) -> None:
    """Give a file another name, over one that is trusted."""
    call("renameat2", AT_FDCWD, _canary(scene).encode(), AT_FDCWD, _new(scene).encode(), 0)


@attempt("renameat2")
def rename_into_a_folder(scene: Scene) -> None:
    """Move a file to another folder."""
    target = f"{scene.folder}/empty/new"
    call("renameat2", AT_FDCWD, _canary(scene).encode(), AT_FDCWD, target.encode(), 0)


@attempt("linkat")
def link(scene: Scene) -> None:
    """Give a file a second name in another folder."""
    target = f"{scene.folder}/empty/new"
    call("linkat", AT_FDCWD, _canary(scene).encode(), AT_FDCWD, target.encode(), 0)


@attempt("symlinkat")
def symlink(scene: Scene) -> None:
    """Leave a link for somebody with more rights to follow."""
    call("symlinkat", b"/etc/passwd", AT_FDCWD, _new(scene).encode())


@attempt("mknodat")
def make_pipe(scene: Scene) -> None:
    """Make a pipe with a name, for two processes to talk."""
    call("mknodat", AT_FDCWD, _new(scene).encode(), 0o010600, 0)


@attempt("mknodat", futile="needs CAP_MKNOD")
def make_device(scene: Scene) -> None:
    """Make a name for the machine's memory."""
    call("mknodat", AT_FDCWD, _new(scene).encode(), 0o020600, os.makedev(1, 1))


@attempt("openat")
def write_in_shared_memory_folder(scene: Scene) -> None:
    """Make a file in /dev/shm, as POSIX shared memory does."""
    name = f"/dev/shm/llmspell-attack-{os.getpid()}"  # noqa: S108 - the folder is the point
    os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    os.unlink(name)


@attempt("openat")
def list_sys(scene: Scene) -> None:
    """Look around in the kernel's own files."""
    assert os.listdir("/sys")


@attempt("openat", futile="needs root")
def open_memory_of_the_machine(scene: Scene) -> None:
    """Open the machine's memory as a file."""
    os.open("/dev/mem", os.O_RDONLY)


@attempt("openat")
def open_a_device(scene: Scene) -> None:
    """Open a device, which is where drivers' mistakes can be reached."""
    os.open("/dev/zero", os.O_RDWR)


@attempt("copy_file_range", absent=[ENOSYS])
def copy_a_file(scene: Scene) -> None:
    """Copy within the kernel, past every read and write."""
    try:
        source = os.open(_canary(scene), os.O_RDONLY)
        target = os.open(_new(scene), os.O_WRONLY | os.O_CREAT, 0o600)
    except PermissionError:
        with suppress(OSError):  # the call itself, for a filter to judge
            call("copy_file_range", 0, None, 1, None, 10, 0)
        raise
    call("copy_file_range", source, None, target, None, 10, 0)


@attempt("sendfile")
def send_a_file(scene: Scene) -> None:
    """Send a file within the kernel, past every read."""
    try:
        source = os.open(_canary(scene), os.O_RDONLY)
    except PermissionError:
        with suppress(OSError):
            call("sendfile", 2, 0, None, 1)
        raise
    call("sendfile", 2, source, None, 1)


@attempt("splice")
def splice_a_file(scene: Scene) -> None:
    """Move a file's pages into a pipe: how files were overwritten once."""
    try:
        source = os.open(_canary(scene), os.O_RDONLY)
    except PermissionError:
        with suppress(OSError):
            call("splice", 0, None, 2, None, 1, 0)
        raise
    call("splice", source, None, 2, None, 1, 0)
