"""Heavy libraries, imported in the background: what takes a second of processor time or more.

The import runs in a thread of its own, off the event loop. The thread is a daemon, and gives up
at the next import statement when the process ends: a spell that names a bridge without calling it
does not wait for the rest, and no thread is cut down inside an extension module.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import sys
import threading
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING

from llmspell_core import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

_LEAVE_WITHIN_S = 10.0
_FINDERS = threading.Lock()
"""Held while the list of finders is replaced. It is not changed: another thread that walks it would
skip one, and not find a module that is there."""


class _LeaveError(BaseException):
    """Ends the import when the process ends; no `except Exception` in its way may stop it."""


class _Leaver:
    """A finder that finds nothing, and raises in the importing thread once the process ends."""

    def __init__(self) -> None:
        self.leaving = False
        self.thread: threading.Thread | None = None

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:  # noqa: ARG002 - the import system's own signature
        """Let the next finder answer, or give up."""
        if self.leaving and threading.current_thread() is self.thread:
            raise _LeaveError(name)

    def leave(self) -> None:
        """Make the thread stop, and wait for that."""
        self.leaving = True
        if self.thread is not None:
            self.thread.join(_LEAVE_WITHIN_S)


class BackgroundImport:
    """One import of this process: started once, waited for by all who need it."""

    def __init__(self, extra: str, load: Callable[[], ModuleType], what: str) -> None:
        """Import what `load` does; `what` needs it, and the `extra` of this distribution brings it."""
        self._extra = extra
        self._load = load
        self._what = what
        self._lock = threading.Lock()
        self._future: Future[ModuleType] | None = None

    def start(self) -> Future[ModuleType]:
        """Start it, unless that was done before; return at once."""
        with self._lock:
            if self._future is None:
                self._future = Future()
                leaver = _Leaver()
                leaver.thread = threading.Thread(
                    target=self._import,
                    args=(self._future, leaver),
                    name=f"llmspell-{self._extra}",
                    daemon=True,
                )
                atexit.register(leaver.leave)
                leaver.thread.start()
            return self._future

    async def ready(self) -> ModuleType:
        """Wait for it, and return the module.

        Raises:
            UnsupportedError: it is not installed; the message says how to.
        """
        future = self.start()
        if future.done():
            return future.result()
        return await asyncio.shield(asyncio.wrap_future(future))

    def _import(self, future: Future[ModuleType], leaver: _Leaver) -> None:
        try:
            with _alone(leaver):
                module = self._load()
        except _LeaveError:
            future.cancel()
        except ModuleNotFoundError as error:
            text = (
                f"{self._what} need the package `{error.name}`; "
                f'install it with: pip install "llmspell-bridges[{self._extra}]"'
            )
            future.set_exception(UnsupportedError(text, capability=self._extra))
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the waiting call's answer
            future.set_exception(error)
        else:
            future.set_result(module)


@contextmanager
def _alone(leaver: _Leaver) -> Iterator[None]:
    """Import without the garbage collector, and leave what was imported out of its work for good.

    A collection in the middle of 2,300 new modules finds nothing: without, a fifth is saved. What
    a library made of itself stays: of litellm, that is 380,000 objects that each full collection
    would look at, with the loop standing still for 0.3 s (0.02 s without).
    """
    collecting = gc.isenabled()
    gc.disable()
    with _FINDERS:
        sys.meta_path = [leaver, *sys.meta_path]
    try:
        yield
        gc.freeze()
    finally:
        with _FINDERS:
            sys.meta_path = [finder for finder in sys.meta_path if finder is not leaver]
        if collecting:
            gc.enable()
