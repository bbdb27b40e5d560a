"""A control group for each worker's memory, where the system delegated one to this process.

Linux, cgroup v2. There the kernel holds the limit to the page, whatever the worker does and however
busy its host is. Where nothing is delegated nothing is done: that is no mistake of anybody's.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

# paths are plain texts: pathlib would cost a cold start 10 ms
MOUNTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
"""Where the hierarchy is; in the second place beside one of v1."""
_OWN = "/proc/self/cgroup"
_PREFIX = "llmspell-"
_DELEGATED = "user.delegate"
"""With this attribute systemd marks a group that it leaves to somebody else."""


class Cgroup:
    """One worker's group."""

    def __init__(self, folder: str) -> None:
        """Take over the folder, which `end` removes."""
        self._folder = folder

    def end(self) -> bool:
        """Remove it, once the worker is gone; say whether the kernel ended that for its memory."""
        killed = False
        with suppress(OSError, ValueError):
            events = _read(f"{self._folder}/memory.events").split()
            counts = dict(zip(events[::2], events[1::2], strict=True))
            killed = int(counts.get("oom_kill", 0)) > 0
        # busy while something of the worker is left in the kernel: the next host takes it away
        _remove(self._folder)
        return killed


class Cgroups:
    """Makes groups within one that was delegated."""

    def __init__(self, folder: str) -> None:
        """Use the delegated group at `folder`; take away what hosts that are gone left there."""
        self.folder = folder
        with suppress(OSError):
            for name in os.listdir(folder):
                host = name.removeprefix(_PREFIX).partition("-")[0]
                left = name.startswith(_PREFIX) and host.isdecimal()
                if left and not os.path.exists(f"/proc/{host}"):
                    _remove(f"{folder}/{name}")

    @classmethod
    def find(cls, own: str = _OWN, mounts: tuple[str, ...] = MOUNTS) -> Cgroups | None:
        """Find the group that was delegated to this process; None where there is none."""
        if sys.platform != "linux":
            return None
        with suppress(OSError):
            for line in _read(own).splitlines():
                hierarchy, _, path = line.partition("::")
                if hierarchy == "0":
                    folder = _delegated(path.strip("/"), mounts)
                    return None if folder is None else cls(folder)
        return None

    def hold(self, pid: int, memory_bytes: int) -> Cgroup | None:
        """Put process `pid` into a group of its own, of so much memory from now on.

        None when that cannot be: the other limits hold alone then. It may take some milliseconds:
        call it in a thread.
        """
        folder = f"{self.folder}/{_PREFIX}{os.getpid()}-{pid}"
        try:
            os.mkdir(folder)
        except OSError:
            return None
        group = Cgroup(folder)
        try:
            _write(f"{folder}/memory.max", memory_bytes)
            _write(f"{folder}/memory.oom.group", 1)
            with suppress(OSError):  # a kernel without swap has no such file
                _write(f"{folder}/memory.swap.max", 0)
            _write(f"{folder}/cgroup.procs", pid)
        except OSError:
            group.end()
            return None
        return group


def _delegated(path: str, mounts: tuple[str, ...]) -> str | None:
    """Find the folder of our own group, or of the one around it, that shares out memory.

    A group that holds processes cannot share out memory, so a delegate lives in a leaf mostly; what
    is around it is its own only where systemd says so.
    """
    for mount in mounts:
        own = f"{mount}/{path}".rstrip("/")
        if _shares_out_memory(own):
            return own
        around = os.path.dirname(own)
        if path and _is_marked(around) and _shares_out_memory(around):
            return around
    return None


def _is_marked(folder: str) -> bool:
    try:
        return os.getxattr(folder, _DELEGATED) == b"1"
    except OSError:
        return False


def _shares_out_memory(folder: str) -> bool:
    try:
        controllers = _read(f"{folder}/cgroup.subtree_control").split()
    except OSError:
        return False
    writable = os.access(folder, os.W_OK) and os.access(f"{folder}/cgroup.procs", os.W_OK)
    return "memory" in controllers and writable


def _remove(folder: str) -> None:
    # a group's files are no obstacle
    with suppress(OSError):
        os.rmdir(folder)


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def _write(path: str, value: int) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(str(value))
