"""The bridge `fs` keeps the contract of bridges, on the real disk."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_bridges.fs import FsBridge, files
from llmspell_core import Permissions
from llmspell_testkit import BridgeContract, BridgeWorld, Fault, Slow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmspell_testkit.bridge.lab import Run

_OLD = "one\ntwo\n"
_LONGEST_S = 30.0


class SlowDisk:
    """A disk that makes one function wait until the end of a block.

    Nothing else keeps `fs` waiting: it opens no pipe and no device, and of what it may read at
    once, or write, a disk that answers has all in a moment.
    """

    def __init__(self) -> None:
        """Be quick."""
        self.waiting = threading.Event()

    @contextmanager
    def stopped(self, owner: Any, name: str) -> Iterator[None]:
        """Let `name` of a module wait."""
        real, answers = getattr(owner, name), threading.Event()

        def wait(*args: Any, **named: Any) -> Any:
            self.waiting.set()
            answers.wait(_LONGEST_S)
            return real(*args, **named)

        setattr(owner, name, wait)
        try:
            yield
        finally:
            setattr(owner, name, real)
            answers.set()


def _slow(owner: Any, name: str, released: Callable[[], bool]) -> Slow:
    return Slow(
        broken=lambda world: world.data.stopped(owner, name),
        reached=lambda world: world.data.waiting.is_set(),
        released=lambda _: released(),
    )


def _as_it_was() -> bool:
    """Whether a write that nobody waits for has left the old file, and nothing beside it."""
    unfinished = any(name.startswith(".llmspell-") for name in os.listdir())  # noqa: PTH208 - names alone
    return not unfinished and Path("out.txt").read_text(encoding="utf-8") == _OLD


def _closed() -> bool:
    """Whether the file that was opened too late is closed."""
    target = os.path.abspath("big.log")  # noqa: PTH100 - compared as a text
    folder = "/proc/self/fd" if Path("/proc/self/fd").is_dir() else "/dev/fd"
    for name in os.listdir(folder):  # noqa: PTH208 - the names alone
        with suppress(OSError):  # the one that the listing itself used
            if os.readlink(f"{folder}/{name}") == target:  # noqa: PTH115 - compared as a text
                return False
    return True


class FsContract(BridgeContract):
    """Every method of `fs`, in a folder of its own."""

    bridge = FsBridge
    permissions = Permissions(read=(".",), write=(".",))
    faults = {  # noqa: RUF012 - a setting of the contract
        "no-such-file": Fault(method="read", args={"path": "none.txt"}, kind="filesystem"),
        "no-such-folder": Fault(method="list", args={"path": "none"}, kind="filesystem"),
        "not-text": Fault(method="lines", args={"path": "big.bin"}, kind="filesystem"),
        "outside": Fault(method="read", args={"path": "/etc/passwd"}, kind="permission"),
    }
    slow = {  # noqa: RUF012 - as above
        "write": _slow(os, "fsync", _as_it_was),
        "lines": _slow(files, "open_stream", _closed),
    }

    @pytest.fixture
    def bridge_world(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BridgeWorld:
        """Fill a folder with what the examples name, and be in it."""
        monkeypatch.chdir(tmp_path)

        async def prepare(run: Run) -> None:  # noqa: ARG001 - what the contract calls
            (tmp_path / "research").mkdir(exist_ok=True)
            for name in ("notes.txt", "old.txt", "big.log", "log.txt", "out.txt"):
                (tmp_path / name).write_text(_OLD, encoding="utf-8")
            (tmp_path / "big.bin").write_bytes(b"\x00\xff" * 8)

        return BridgeWorld(prepare=prepare, data=SlowDisk())
