"""The zygote: loads an engine once, in one thread, and forks a worker for each request.

It is exec'd with an empty environment, so no worker can find a secret in inherited memory. Its
control socket (fd 3) is a SOCK_SEQPACKET, see `wire.py`.
"""

from __future__ import annotations

import gc
import os

# the module under `socket`, which costs 17 ms less to import
from _socket import CMSG_LEN, SCM_RIGHTS, SOL_SOCKET, socket
from struct import Struct

# rlimits: imported here so that no worker has to
from llmspell_engines.worker import linux, rlimits  # noqa: F401
from llmspell_engines.worker.guests import preload
from llmspell_engines.worker.main import move_fds, settle_and_run
from llmspell_engines.worker.wire import ANSWER, REQUEST, UNLIMITED

CONTROL_FD = 3
_FDS = Struct("@2i")


def zygote_main(spec: str, host: int, layers: tuple[str, ...]) -> None:
    """Serve until the host closes the control socket; workers apply the lock's `layers`."""
    move_fds((2, 2), (CONTROL_FD, CONTROL_FD))
    linux.die_with_parent(host)
    factory = preload(spec, forks=True)
    # what exists now is never collected, so workers do not copy its pages
    gc.collect()
    gc.freeze()
    control = socket(fileno=CONTROL_FD)
    while True:
        data, ancillary, _, _ = control.recvmsg(REQUEST.size, CMSG_LEN(_FDS.size))
        if not data:
            os._exit(0)
        number, memory_bytes = REQUEST.unpack(data)
        fd, errors = _descriptors(ancillary)
        threads = len(os.listdir("/proc/self/task"))
        if threads != 1:
            text = f"{spec}: preload left {threads} threads; a forked worker would hang"
            raise RuntimeError(text)
        try:
            pid = linux.fork_for_parent()
        except OSError as error:
            control.send(ANSWER.pack(number, 0, error.errno or 0))
        else:
            if pid == 0:
                control.send(ANSWER.pack(number, os.getpid(), 0))
                limit = None if memory_bytes == UNLIMITED else memory_bytes
                settle_and_run(factory, fd, errors, host, layers=layers, memory_bytes=limit)
        os.close(fd)
        os.close(errors)


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> tuple[int, int]:
    for level, kind, data in ancillary:
        if (level, kind) == (SOL_SOCKET, SCM_RIGHTS) and len(data) == _FDS.size:
            fd, errors = _FDS.unpack(data)
            return fd, errors
    text = "a request without its descriptors"
    raise RuntimeError(text)
