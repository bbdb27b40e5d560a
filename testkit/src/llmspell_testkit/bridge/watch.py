"""Sees what a bridge's code does to the world while one of its methods runs.

Python's audit hooks tell of every file that is opened, every address that is connected to, every
process that is started. One hook is set, when the first contract runs, and
stays: they cannot be removed. What the method did, and not somebody else, is told by a context
variable, which tasks and `asyncio.to_thread` inherit, and for other threads by whether they were
there before.
"""

from __future__ import annotations

import os
import site
import sys
import sysconfig
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_watched: ContextVar[Watch | None] = ContextVar("llmspell_watch", default=None)
_active: list[Watch] = []
_installed: list[bool] = []

_CONNECTS = frozenset({"socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.bind"})
_STARTS = frozenset({"subprocess.Popen", "os.posix_spawn", "os.exec", "os.fork", "os.system"})
_CHANGES = frozenset(
    {"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate", "os.link", "os.symlink"}
)
_LOOKS = frozenset({"os.listdir", "os.scandir"})
_SYSTEM = ("/dev/", "/proc/", "/sys/", "/etc/ssl", "/usr/lib/ssl", "/usr/share/zoneinfo")
_SYSTEM_FILES = frozenset(
    {"/etc/mime.types", "/etc/localtime", "/etc/nsswitch.conf", "/etc/host.conf"}
)


class Watch:
    """What was seen during one call: pairs of a kind (``read``, ``write``, …) and its object."""

    def __init__(self) -> None:
        """Remember which threads there are, and which one runs the loop."""
        self.touched: list[tuple[str, str]] = []
        self.loop_thread = threading.get_ident()
        self._before = {
            thread.ident
            for thread in threading.enumerate()
            if not thread.name.startswith("asyncio_")
        }

    def mine(self) -> bool:
        """Say whether what happens now happens for the watched call."""
        ident = threading.get_ident()
        return _watched.get() is self or (ident != self.loop_thread and ident not in self._before)


@contextmanager
def watching() -> Iterator[Watch]:
    """Note what the code in the block, and what it starts, does to the world."""
    if not _installed:
        _installed.append(True)
        sys.addaudithook(_hook)
    watch = Watch()
    token = _watched.set(watch)
    _active.append(watch)
    try:
        yield watch
    finally:
        _active.remove(watch)
        _watched.reset(token)


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if not _active:
        return
    kind = _kind(event, args)
    if kind is None:
        return
    for watch in tuple(_active):
        if watch.mine():
            watch.touched.append((kind, _object(args)))


def _kind(event: str, args: tuple[Any, ...]) -> str | None:  # noqa: PLR0911 - one line per kind
    if event == "open":
        return _open_kind(args)
    if event == "sqlite3.connect":
        return None if ":memory:" in str(args[0]) else "write"
    if event in _CONNECTS:
        return "net" if _is_network(event, args) else None
    if event in _STARTS:
        return "process"
    if event in _CHANGES:
        return None if _is_python(args[0]) else "write"
    if event in _LOOKS:
        return None if _is_python(args[0]) else "read"
    return None


def _open_kind(args: tuple[Any, ...]) -> str | None:
    path, _, flags = args
    if isinstance(path, int) or _is_python(path):
        return None
    writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    return "write" if writes else "read"


def _is_python(path: Any) -> bool:
    """Say whether a file belongs to Python or to the system's own: reading it is no effect."""
    try:
        text = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - a hook has to be quick
    except (TypeError, ValueError):
        return True
    if text.startswith(_SYSTEM) or text in _SYSTEM_FILES or "__pycache__" in text:
        return True
    return text.startswith(_PYTHON) or text.endswith((".py", ".pyc", ".so"))


def _python_folders() -> tuple[str, ...]:
    paths = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), *site.getsitepackages()}
    return tuple(f"{path.rstrip('/')}/" for path in paths if path not in {"", "/", "/usr"})


_PYTHON = (*_python_folders(), "/usr/lib/python3", "/usr/local/lib/python3")


def _is_network(event: str, args: tuple[Any, ...]) -> bool:
    if event == "socket.getaddrinfo":
        return True
    return isinstance(args[-1], tuple)  # the address of a Unix socket is a text


def _object(args: tuple[Any, ...]) -> str:
    shown = next((a for a in args if isinstance(a, (str, bytes, tuple, list))), "")
    return (os.fsdecode(shown) if isinstance(shown, (str, bytes)) else repr(shown))[:160]
