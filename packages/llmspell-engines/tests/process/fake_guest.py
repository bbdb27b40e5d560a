"""A guest that does what START's payload says, for tests of the process around it.

START's payload is ``method`` or ``method argument``; whatever else arrives is echoed as a CALL.
"""

from __future__ import annotations

import os
import stat
import sys
import time

from llmspell_engines.protocol import CALL, DONE, LOG, START

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_engines.worker.guests import Emit

inherited = {"environ": b"not preloaded"}


def preload() -> None:
    """Remember what this Python was started with: a hardened worker may not look."""
    with open("/proc/self/environ", "rb") as file:
        inherited["environ"] = file.read()


class FakeGuest:
    """Does as it is told."""

    engine = "fake"
    version = "Fake 1"

    def __init__(self, emit: Emit, memory_bytes: int | None) -> None:
        """Keep both."""
        self.emit = emit
        self.memory_bytes = memory_bytes
        self.held: list[bytes] = []

    def put(self, kind: int, id: int, payload: bytes, clock_ms: int) -> None:
        """Obey a START, echo the rest."""
        if kind == START:
            method, _, argument = payload.decode().partition(" ")
            getattr(self, method)(argument)
        else:
            self.emit(CALL, id, payload)

    def close(self) -> None:
        """Nothing is held."""

    def say(self, text: str) -> None:
        self.emit(DONE, 0, text.encode())

    def spin(self, _: str) -> None:
        self.emit(LOG, 0, b"spinning")
        while True:
            pass

    def burn(self, seconds: str) -> None:
        """Use processor time."""
        end = time.process_time() + float(seconds)
        while time.process_time() < end:
            pass
        self.say("burnt")

    def fds(self, _: str) -> None:
        """Name every open descriptor by what it is; a worker may not list /proc/self/fd."""
        found = {}
        for fd in range(4096):
            try:
                mode = os.fstat(fd).st_mode
            except OSError:
                continue
            names = {stat.S_IFSOCK: "socket", stat.S_IFIFO: "pipe", stat.S_IFCHR: "null"}
            found[fd] = names.get(stat.S_IFMT(mode), oct(mode))
        self.say(repr(found))

    def environ(self, _: str) -> None:
        self.say(repr((dict(os.environ), inherited["environ"])))

    def read(self, path: str) -> None:
        with open(path, encoding="utf-8", errors="replace") as file:
            self.say(file.read())

    def ids(self, _: str) -> None:
        from llmspell_engines.worker import linux

        dumpable = linux._libc.prctl(3, 0, 0, 0, 0)  # PR_GET_DUMPABLE
        threads = len(os.listdir("/proc/self/task"))
        self.say(repr((os.getpid(), os.getppid(), os.getsid(0), threads, dumpable)))

    def modules(self, _: str) -> None:
        self.say(repr(sorted(sys.modules)))

    def paths(self, _: str) -> None:
        self.say(repr(sys.path))

    def allocate(self, count: str) -> None:
        """Allocate and touch private memory in steps of 1 MiB, and say if that fails."""
        try:
            for _ in range(int(count) >> 20):
                self.held.append(b"x" * (1 << 20))
        except MemoryError:
            self.held.clear()
            self.say("MemoryError")
        else:
            self.say("allocated")

    def share(self, count: str) -> None:
        """Touch shared memory, which RLIMIT_DATA does not count, then wait for ever."""
        import mmap

        shared = mmap.mmap(-1, int(count))
        for at in range(0, int(count), 4096):
            shared[at] = 1
        self.spin("")

    def flood(self, count: str) -> None:
        for _ in range(int(count)):
            self.emit(LOG, 0, b"")
        self.say("flooded")

    def write(self, count: str) -> None:
        """Send large messages and count them in a place the host can see."""
        for index in range(int(count)):
            self.emit(LOG, 0, b"x" * (1 << 20))
            os.write(2, b".")
            del index
        self.say("written")

    def raw(self, data: str) -> None:
        """Write bytes past the pump, as an exploited engine could."""
        os.write(3, bytes.fromhex(data))
        self.spin("")

    def exit(self, code: str) -> None:
        os._exit(int(code))

    def fail(self, text: str) -> None:
        raise RuntimeError(text)

    def signal(self, number: str) -> None:
        os.kill(os.getpid(), int(number))


class BrokenGuest(FakeGuest):
    """An engine that cannot be made."""

    def __init__(self, emit: Emit, memory_bytes: int | None) -> None:
        """Fail."""
        super().__init__(emit, memory_bytes)
        text = "no engine here"
        raise RuntimeError(text)
