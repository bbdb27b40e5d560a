"""Where configuration files are, and reading them."""

# pathlib costs 5 ms, and this runs before every spell:
# ruff: noqa: PTH100, PTH109, PTH111, PTH112, PTH114, PTH117, PTH118, PTH120, PTH123

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

import msgspec

from llmspell_core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT_FILE = "llmspell.toml"
USER_FILE = "config.toml"
MAX_BYTES = 1024 * 1024


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it was read; `foreign` says that it belongs to another user."""

    path: str
    data: bytes
    foreign: bool = False


def user_config_dir(environ: Mapping[str, str] | None = None) -> str | None:
    """Name the user's configuration folder; None where there is no home.

    ``LLMSPELL_CONFIG_DIR``, else ``XDG_CONFIG_HOME``, else what the platform's users expect. What
    is trusted is kept there: no bridge may write to it.
    """
    environ = os.environ if environ is None else environ
    if chosen := environ.get("LLMSPELL_CONFIG_DIR"):
        return os.path.abspath(os.path.expanduser(chosen))
    base = environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):  # the XDG specification has relative paths ignored
        base = _platform_base(environ)
    return os.path.join(base, "llmspell") if base else None


def _platform_base(environ: Mapping[str, str]) -> str:
    if sys.platform == "win32":
        return environ.get("APPDATA", "")
    home = environ.get("HOME") or os.path.expanduser("~")
    if not os.path.isabs(home):
        return ""
    parts = ("Library", "Application Support") if sys.platform == "darwin" else (".config",)
    return os.path.join(home, *parts)


def user_file(environ: Mapping[str, str] | None = None) -> str | None:
    """Name the user's file, whether it exists or not; None where there is no home."""
    folder = user_config_dir(environ)
    return None if folder is None else os.path.join(folder, USER_FILE)


def find_project(start: str | None = None) -> str | None:
    """Find the ``llmspell.toml`` nearest to `start`, a spell or a folder (default: here).

    Links are resolved: a spell linked to from elsewhere belongs to its own project.
    """
    try:
        folder = os.path.realpath(start or os.getcwd())
    except OSError:  # the current folder was deleted
        return None
    if not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    while True:
        path = os.path.join(folder, PROJECT_FILE)
        if os.path.lexists(path):
            return path
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def read(path: str) -> Content | None:
    """Read a configuration file; None where there is none.

    Raises:
        ConfigurationError: it is no regular file, is larger than `MAX_BYTES`, or is unreadable.
    """
    try:
        # a pipe with this name must not make us wait
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except (FileNotFoundError, NotADirectoryError):
        if os.path.islink(path):
            raise _unreadable(path, "it is a link to nothing") from None
        return None
    except OSError as error:
        raise _unreadable(path, (error.strerror or str(error)).lower()) from None
    found = os.fstat(fd)
    if stat.S_ISDIR(found.st_mode):  # Python's `open` would refuse it in its own words
        os.close(fd)
        raise _unreadable(path, "it is a directory")
    with open(fd, "rb") as file:
        if not stat.S_ISREG(found.st_mode):
            raise _unreadable(path, "it is not a regular file")
        try:
            data = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise _unreadable(path, (error.strerror or str(error)).lower()) from None
    if len(data) > MAX_BYTES:
        raise _unreadable(path, f"it is larger than {MAX_BYTES // 1024 // 1024} MiB")
    ours = getattr(os, "geteuid", lambda: found.st_uid)()
    return Content(path=path, data=data, foreign=found.st_uid not in (ours, 0))


def shown(path: str) -> str:
    """Write a path as short as it is clear: relative to the current folder where it lies in it."""
    try:
        relative = os.path.relpath(path)
    except (OSError, ValueError):  # another drive, or a deleted current folder
        return path
    return path if relative.startswith(os.pardir) else relative


def _unreadable(path: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"cannot read the configuration {path}: {why}", file=path)
