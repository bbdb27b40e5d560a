"""A child process of the host: watched, killed and reaped by the event loop."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Process:
    """A direct child; `on_end` is called once, in the loop, when it was reaped.

    Linux watches a pid file descriptor; elsewhere a thread waits without reaping, so that here
    too the pid stays ours for as long as `kill` may use it.
    """

    def __init__(self, pid: int, on_end: Callable[[], None], *, pidfd: bool = True) -> None:
        """Watch `pid`; `pidfd` off takes the portable way."""
        self.pid = pid
        self.status: int | None = None
        self.max_rss_bytes: int | None = None
        self.ended = False
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._pidfd: int | None = None
        # once it is reaped, its pid and the descriptor's number may be somebody else's
        self._reaping = threading.Lock()
        if pidfd and hasattr(os, "pidfd_open"):
            self._pidfd = os.pidfd_open(pid)
            self._loop.add_reader(self._pidfd, self._reap)
        else:
            threading.Thread(target=self._wait, name=f"wait-{pid}", daemon=True).start()

    def kill(self) -> None:
        """Send SIGKILL, from any thread; nothing if it has ended already."""
        with self._reaping:
            if self.ended:
                return
            if self._pidfd is not None:
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            else:
                os.kill(self.pid, signal.SIGKILL)

    def alive(self) -> bool:
        """Ask the kernel, not the event loop, whether it still runs; reaps nothing."""
        if self.ended or not hasattr(os, "waitid"):
            return not self.ended
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:
            return False

    @property
    def exit_code(self) -> int | None:
        """The code it exited with; None while it runs and when a signal ended it."""
        if self.status is None or not os.WIFEXITED(self.status):
            return None
        return os.WEXITSTATUS(self.status)

    @property
    def exit_signal(self) -> int | None:
        """The signal that ended it."""
        if self.status is None or not os.WIFSIGNALED(self.status):
            return None
        return os.WTERMSIG(self.status)

    def _wait(self) -> None:
        _wait_without_reaping(self.pid)
        try:
            self._loop.call_soon_threadsafe(self._reap)
        except RuntimeError:
            # the loop is closed: nobody is interested any more
            return

    def _reap(self) -> None:
        with self._reaping:
            try:
                pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            except ChildProcessError:
                # somebody else's waitpid(-1) took it
                pass
            else:
                if pid == 0:
                    return
                self.status = status
                self.max_rss_bytes = usage.ru_maxrss * _RSS_UNIT
            self.ended = True
            if self._pidfd is not None:
                self._loop.remove_reader(self._pidfd)
                os.close(self._pidfd)
                self._pidfd = None
        self._on_end()


def _wait_without_reaping(pid: int) -> None:
    """Block until the child `pid` has ended, or is none of ours."""
    if hasattr(os, "waitid"):
        with suppress(ChildProcessError):
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    elif sys.platform == "darwin":
        # before Python 3.13 there is no waitid on macOS
        event = select.kevent(
            pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD | select.KQ_EV_ONESHOT, select.KQ_NOTE_EXIT
        )
        with suppress(ProcessLookupError), closing(select.kqueue()) as queue:
            queue.control([event], 1)
