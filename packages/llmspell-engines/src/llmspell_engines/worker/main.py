"""A worker's life: settle, lock, make the guest, say READY, pump, exit.

`settle_and_run` is what a zygote's child and an exec'd worker do; `run_in_thread` is the
`inproc` level, the same pump without a process around it.
"""

from __future__ import annotations

import os
import sys

from llmspell_engines.protocol import FAILED
from llmspell_engines.quick import several_processors
from llmspell_engines.worker.guests import preload
from llmspell_engines.worker.lock import Lock
from llmspell_engines.worker.pack import pack
from llmspell_engines.worker.pump import Pump

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_engines.worker.guests import Guest, GuestFactory

SOCKET_FD = 3
"""Where a worker's socket is; 0 and 1 are /dev/null, 2 the host's pipe, the rest closed."""
EXIT_LOST_HOST = 0
EXIT_BROKEN = 70
EXIT_NO_MEMORY = 71
"""Exit codes: the host closed the socket; a mistake of ours (traceback on stderr); no memory."""

_FDS_MAX = 1 << 20


def move_fds(*sources: tuple[int, int]) -> None:
    """Put each ``(fd, place)`` in its place, /dev/null on 0 and 1, and close everything else.

    Places must be 2, 3, … without a gap.
    """
    aside = [(os.dup2(fd, 100 + place), place) for fd, place in sources]
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    for fd, place in aside:
        os.dup2(fd, place)
    os.closerange(max(place for _, place in sources) + 1, _FDS_MAX)


def settle_and_run(
    factory: GuestFactory,
    fd: int,
    errors: int,
    host: int,
    *,
    layers: tuple[str, ...],
    memory_bytes: int | None,
) -> None:
    """Become a worker of process `host` on the socket `fd`; never returns."""
    code = EXIT_BROKEN
    try:
        move_fds((errors, 2), (fd, SOCKET_FD))
        _work(factory, host, memory_bytes, Lock(layers))
        code = EXIT_LOST_HOST
    except MemoryError:
        code = EXIT_NO_MEMORY
    except BaseException:  # noqa: BLE001 - whatever it was, the process ends here and says so
        sys.excepthook(*sys.exc_info())
    finally:
        # mini-racer hangs in an orderly exit
        os._exit(code)


def _work(factory: GuestFactory, host: int, memory_bytes: int | None, lock: Lock) -> None:
    about: dict[str, int | str | None] = {"pid": os.getpid()}
    statm = -1
    if sys.platform == "linux":
        from llmspell_engines.worker import linux, rlimits

        linux.die_with_parent(host)
        rlimits.forbid_core_dumps()
        linux.harden()
        # opened before the lock, read after the isolate exists
        statm = os.open("/proc/self/statm", os.O_RDONLY)
    pump = Pump(SOCKET_FD, awake=several_processors())
    lock.close_files()
    guest = _make(factory, pump, memory_bytes)
    if guest is None:
        return
    if sys.platform == "linux":
        about["data_bytes"] = baseline = rlimits.data_bytes(statm)
        os.close(statm)
        if memory_bytes is not None:
            rlimits.limit_data(baseline, memory_bytes)
    lock.close_calls()
    pump.ready(guest, level=lock.level, layers=lock.layers, reason=lock.reason, **about)
    pump.run(guest)


def _make(factory: GuestFactory, pump: Pump, memory_bytes: int | None) -> Guest | None:
    """Make the guest, or tell the host why there is none."""
    try:
        return factory(pump.emit, memory_bytes)
    except Exception as error:  # noqa: BLE001 - reported to the host, which raises it
        text = f"the engine did not start: {type(error).__name__}: {error}"
        pump.emit(FAILED, 0, pack({"kind": "internal", "message": text}))
        return None


def run_in_thread(spec: str, fd: int, memory_bytes: int | None) -> None:
    """Serve on `fd` in this thread, at the level ``inproc``; closes `fd` at the end."""
    pump = Pump(fd)
    try:
        guest = _make(preload(spec), pump, memory_bytes)
        if guest is not None:
            reason = "the isolation level `inproc` was asked for"
            pump.ready(guest, level="inproc", layers="", reason=reason, pid=os.getpid())
            pump.run(guest)
            guest.close()
    except Exception as error:  # noqa: BLE001 - the host is told, as a process's exit code would
        text = f"{type(error).__name__}: {error}"
        pump.emit(FAILED, 0, pack({"kind": "internal", "message": text}))
    finally:
        os.close(fd)


def exec_main(spec: str, host: int, layers: tuple[str, ...], memory_bytes: int | None) -> None:
    """Be a worker of its own, without a zygote: the socket is fd 3, the host's pipe fd 2."""
    settle_and_run(preload(spec), SOCKET_FD, 2, host, layers=layers, memory_bytes=memory_bytes)
