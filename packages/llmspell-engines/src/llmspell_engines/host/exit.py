"""How a worker ended, and what can be told from it."""

from __future__ import annotations

import os
import signal

import msgspec

_OUT_OF_MEMORY = ("out of memory", "memoryerror", "allocation failed")
_NO_MEMORY_CODE = 71
_ABORTS = {signal.SIGTRAP, signal.SIGABRT, signal.SIGILL, signal.SIGSEGV, signal.SIGBUS}
_STDERR_BYTES = 4096


class Exit(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker ended.

    `code` or `signal` is what the kernel said (both None: a thread, or reaped by somebody else),
    `max_rss_bytes` the most memory it ever had resident, `message` what is known beyond that,
    `starved` whether that was more than half of what it might have, `stderr` the first kilobytes it
    wrote there, which is where engines announce their death.
    """

    reason: str
    code: int | None = None
    signal: int | None = None
    max_rss_bytes: int | None = None
    starved: bool = False
    message: str = ""
    stderr: str = ""

    @property
    def out_of_memory(self) -> bool:
        """Whether it died for want of memory: killed by the watcher, or aborted by its engine."""
        if self.reason == "memory" or self.code == _NO_MEMORY_CODE:
            return True
        if self.reason != "crashed":
            return False
        said = self.stderr.lower()
        # V8 says so of its heap; what else it is refused, it traps on without a word
        trapped = self.signal == signal.SIGTRAP and not said
        aborted = self.starved and self.signal in _ABORTS
        return trapped or aborted or any(words in said for words in _OUT_OF_MEMORY)

    @property
    def limit(self) -> str | None:
        """The limit that it was ended for, by the name an error gives it, if any."""
        if self.out_of_memory:
            return "memory"
        if self.signal == getattr(signal, "SIGXCPU", None):
            return "cpu"
        return self.reason if self.reason in ("timeout", "cpu") else None

    def __str__(self) -> str:
        """Say it in a few words: ``crashed: signal 5 (SIGTRAP)``."""
        if self.signal is not None:
            how = f"signal {self.signal} ({signal.Signals(self.signal).name})"
        else:
            how = "" if self.code is None else f"exit code {self.code}"
        return ": ".join(part for part in (self.reason, how, self.message) if part)


def read_errors(pipe: int) -> str:
    """Read what a dead process had written to its stderr, and close the pipe."""
    try:
        data = os.read(pipe, _STDERR_BYTES)
    except BlockingIOError:
        data = b""
    finally:
        os.close(pipe)
    return data.decode("utf-8", "replace")
