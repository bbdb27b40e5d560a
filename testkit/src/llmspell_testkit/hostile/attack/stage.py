"""What attempts aim at: a file, sockets that listen, and a process that may be harmed."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

from llmspell_testkit.hostile.attack.attempt import Scene

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

_VICTIM = """
import ctypes, os, sys
held = ctypes.create_string_buffer(os.environ["CANARY"].encode())
# where Yama would let only its parents trace it
ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0)
print(ctypes.addressof(held), flush=True)
sys.stdin.read()
"""
_BACKLOG = 1024


class Stage:
    """Makes scenes in `folder`, which must be short enough for a socket's path; close it after.

    Its sockets listen and never answer. Its victim ends with it, and is replaced when it died; so
    is the folder that an attempt has changed.
    """

    def __init__(self, folder: Path) -> None:
        """Open the sockets."""
        self.canary = f"canary-{secrets.token_hex(8)}"
        self._folder = folder
        self._scenes = 0
        self._scene_folder = folder
        self._as_made: object = None
        self._victim: subprocess.Popen[bytes] | None = None
        self._address = 0
        self._abstract = f"llmspell-attack-{secrets.token_hex(8)}"
        self._stream, self._datagram = str(folder / "stream"), str(folder / "datagram")
        dgram, inet = socket.SOCK_DGRAM, socket.AF_INET
        loopback = ("127.0.0.1", 0)
        self._sockets = [
            _open(socket.AF_UNIX, socket.SOCK_STREAM, self._stream),
            _open(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + self._abstract),
            _open(socket.AF_UNIX, dgram, self._datagram),
            _open(inet, socket.SOCK_STREAM, loopback),
            _open(inet, dgram, loopback),
        ]

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the sockets and end the victim."""
        for sock in self._sockets:
            sock.close()
        self._end_victim()

    def scene(self) -> Scene:
        """Make what one attempt is given: a folder of its own, and the rest."""
        if not self.untouched():
            self._scenes += 1
            self._scene_folder = self._folder / str(self._scenes)
            (self._scene_folder / "empty").mkdir(parents=True)
            (self._scene_folder / "canary").write_text(self.canary, encoding="ascii")
            self._as_made = self._look()
        if self._victim is None or self._victim.poll() is not None:
            self._end_victim()
            self._start_victim()
        assert self._victim is not None
        return Scene(
            folder=str(self._scene_folder),
            canary=self.canary,
            host=os.getpid(),
            victim=self._victim.pid,
            address=self._address,
            stream=self._stream,
            datagram=self._datagram,
            abstract=self._abstract,
            tcp=self._sockets[3].getsockname()[1],
            udp=self._sockets[4].getsockname()[1],
        )

    def untouched(self) -> bool:
        """Say whether the last scene's folder is as it was made."""
        return self._as_made is not None and self._look() == self._as_made

    def _look(self) -> object:
        """Describe the folder: names, contents, modes, times and links."""
        folder = self._scene_folder
        paths = [folder, *sorted(folder.rglob("*"))]
        found = []
        for path in paths:
            stat = path.lstat()
            facts = (stat.st_mode, stat.st_uid, stat.st_nlink, stat.st_size, stat.st_mtime_ns)
            found.append((path.name, stat.st_ctime_ns, facts))
        return found

    def _start_victim(self) -> None:
        self._victim = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _VICTIM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"CANARY": self.canary},
            start_new_session=True,
        )
        assert self._victim.stdout is not None
        self._address = int(self._victim.stdout.readline())

    def _end_victim(self) -> None:
        if self._victim is not None:
            self._victim.kill()
            self._victim.communicate()


def _open(family: int, kind: int, address: str | tuple[str, int]) -> socket.socket:
    sock = socket.socket(family, kind)
    sock.bind(address)
    if kind == socket.SOCK_STREAM:
        sock.listen(_BACKLOG)
    return sock
