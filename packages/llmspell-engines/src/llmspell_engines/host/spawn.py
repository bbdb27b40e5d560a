"""Start a fresh Python with an empty environment and nothing of the host's but two descriptors."""

from __future__ import annotations

import fcntl
import os
import sys
from typing import TYPE_CHECKING

from llmspell_core.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Sequence

_SOCKET_FD = 3
_BOOT = (
    "import sys; n, *a = sys.argv[1:]; k = int(n); sys.path += a[k:]; "
    "from llmspell_engines.worker.boot import boot; boot(*a[:k])"
)


def spawn(
    role: str, spec: str, *arguments: str, sock: int, errors: int, layers: Sequence[str]
) -> int:
    """Run `role` (``zygote`` or ``worker``) for the guest `spec`; return its pid.

    `sock` becomes its descriptor 3, `errors` its stderr; `layers` are those of the kernel lock that
    workers apply. It gets no environment, no site
    packages by itself (``-I -S``) but the host's absolute import paths, and a session of its
    own, so that Ctrl-C in a terminal reaches the host only.

    Raises:
        InternalError: there is no Python executable to run (a frozen application).
    """
    if not sys.executable:
        text = "cannot start a worker: this Python has no executable; use the level `inproc`"
        raise InternalError(text)
    low = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (sock, errors)]
    own = (role, spec, str(os.getpid()), "+".join(layers), *arguments)
    # without -B where the host writes byte code: a worker compiles nothing twice
    options = ["-I", "-S", *(["-B"] if sys.dont_write_bytecode else [])]
    command = [sys.executable, *options, "-c", _BOOT, str(len(own)), *own, *import_paths()]
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_DUP2, low[1], 2),
        (os.POSIX_SPAWN_DUP2, low[0], _SOCKET_FD),
    ]
    try:
        return os.posix_spawn(
            sys.executable, command, {}, file_actions=actions, setsid=True, setsigmask=[]
        )
    finally:
        for fd in low:
            os.close(fd)


def import_paths() -> Sequence[str]:
    """List the host's import paths for a child that has its standard library already."""
    library = os.path.dirname(os.__file__)
    standard = {library, os.path.join(library, "lib-dynload")}
    return [path for path in sys.path if os.path.isabs(path) and path not in standard]


def error_pipe() -> tuple[int, int]:
    """Make the pipe that is a child's stderr: small, and never blocking either side.

    The host reads it after the child's death only; what does not fit is lost.
    """
    reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK) if hasattr(os, "pipe2") else os.pipe()
    if not hasattr(os, "pipe2"):
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
    return reading, writing
