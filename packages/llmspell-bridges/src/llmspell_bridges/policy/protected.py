"""What no file bridge touches, whatever is granted: llmspell's configuration, and the kernel's files.

The user's configuration folder holds which projects are trusted; ``/proc`` shows the host's own
memory and environment, where the keys are; ``/dev`` and ``/sys`` are the machine's.
"""

from __future__ import annotations

import os
import unicodedata
from typing import TYPE_CHECKING

from llmspell_core.errors import PermissionDeniedError

if TYPE_CHECKING:
    from collections.abc import Sequence

_KERNEL_FOLDERS = ("/proc", "/dev", "/sys")
_ORDINARY = ("/dev/shm",)  # noqa: S108 - named because it is let through: a plain tmpfs
_KERNEL_TYPES = frozenset(
    {
        "proc",
        "sysfs",
        "devtmpfs",
        "devpts",
        "cgroup",
        "cgroup2",
        "debugfs",
        "tracefs",
        "securityfs",
        "selinuxfs",
        "bpf",
        "configfs",
        "efivarfs",
        "mqueue",
        "pstore",
        "fusectl",
        "binfmt_misc",
        "nsfs",
    }
)


def configuration_folders() -> list[str]:
    """List where the user's configuration may be, in which the trusted projects are listed.

    The command line has one of them, by its platform and its variables; a program that runs spells
    may share it, so all of them are protected.
    """
    homes = [os.environ.get("XDG_CONFIG_HOME", ""), "~/.config", "~/Library/Application Support"]
    found = [os.path.join(home, "llmspell") for home in homes if home]  # noqa: PTH118 - no pathlib
    chosen = os.environ.get("LLMSPELL_CONFIG_DIR")
    found += [chosen] if chosen else []
    return [os.path.abspath(os.path.expanduser(it)) for it in found]  # noqa: PTH100, PTH111


class Protected:
    """Folders that are refused by name and by identity.

    By name, regardless of case, because they may not exist yet; by device and inode, because
    a folder has other names on a filesystem that ignores case, and through bind mounts.
    """

    def __init__(self, folders: Sequence[str] | None = None) -> None:
        """Protect `folders` (default: those of the configuration), their links resolved too."""
        given = configuration_folders() if folders is None else list(folders)
        self._folders = list(dict.fromkeys([*given, *map(os.path.realpath, given)]))
        self._identities = {found for folder in self._folders if (found := _identity(folder))}

    def check_path(self, path: str, shown: str) -> None:
        """Refuse the clean absolute `path` by its name; `shown` is what the script wrote.

        Raises:
            PermissionDeniedError: no flag allows it.
        """
        if _below_any(path, self._folders):
            raise _refused(shown)
        if _below_any(path, _KERNEL_FOLDERS) and not _below_any(path, _ORDINARY):
            raise _kernel(shown)

    def check(self, status: os.stat_result, shown: str) -> None:
        """Refuse what `status` says is a protected folder, or is on the kernel's filesystems.

        Raises:
            PermissionDeniedError: no flag allows it.
        """
        if (status.st_dev, status.st_ino) in self._identities:
            raise _refused(shown)
        # only filesystems without a device have the major number 0
        if os.major(status.st_dev) == 0 and _filesystem(status.st_dev) in _KERNEL_TYPES:
            raise _kernel(shown)

    def check_removal(self, path: str, shown: str) -> None:
        """Refuse to remove a folder that holds a protected one.

        Raises:
            PermissionDeniedError: no flag allows it.
        """
        if any(_below(folder, path) for folder in [*self._folders, *_KERNEL_FOLDERS]):
            raise _refused(shown)


def _below(path: str, folder: str) -> bool:
    path, folder = _folded(path), _folded(folder).rstrip("/")
    return path == folder or path.startswith(folder + "/")


def _below_any(path: str, folders: Sequence[str]) -> bool:
    return any(_below(path, folder) for folder in folders)


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        status = os.stat(folder)  # noqa: PTH116 - no pathlib here
    except OSError:
        return None
    return status.st_dev, status.st_ino


_types: dict[int, str] = {}


def _filesystem(device: int) -> str:
    """Name the type of a mounted filesystem, as in ``/proc/self/mountinfo``; empty if unknown."""
    if device not in _types:
        _types.update(_mounted())
        _types.setdefault(device, "")
    return _types[device]


def _mounted() -> dict[int, str]:
    found = {}
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            for line in file:
                before, _, after = line.partition(" - ")
                major, _, minor = before.split()[2].partition(":")
                found[os.makedev(int(major), int(minor))] = after.split()[0]
    except OSError:  # no Linux, or no /proc
        return {}
    return found


def _refused(shown: str) -> PermissionDeniedError:
    text = f"`{shown}` is not permitted: it is llmspell's own configuration, whatever is granted"
    return PermissionDeniedError(text)


def _kernel(shown: str) -> PermissionDeniedError:
    text = f"`{shown}` is not permitted: it belongs to the system's kernel, whatever is granted"
    return PermissionDeniedError(text)
