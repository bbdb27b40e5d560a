"""What the tests of `fs` share: a run in a folder of its own, and disks that are full or read-only."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_bridges.fs import FsBridge
from llmspell_core import Permissions, Session
from llmspell_core.dispatch import call

if TYPE_CHECKING:
    from pathlib import Path

MOUNT, UMOUNT = "/bin/mount", "/bin/umount"

Fs = Callable[..., Awaitable[Any]]


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio."""
    return "asyncio"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make the project's folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
async def session(root: Path) -> Any:
    """Give a run that may read and write in its project."""
    bridge = FsBridge.from_settings({"root": str(root)})
    session = Session(bridges={"fs": bridge}, permissions=Permissions(read=(".",), write=(".",)))
    yield session
    await session.close()


@pytest.fixture
def fs(session: Session) -> Fs:
    """Call a method by its name, as a script does."""

    async def call_method(name: str, *args: Any) -> Any:
        return await call(session, "fs", name, list(args))

    return call_method


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """Mount a disk in memory on `folder`."""
    subprocess.run([MOUNT, "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run([UMOUNT, folder], check=True)


@pytest.fixture
def full_disk(root: Path) -> Iterator[Path]:
    """Give a folder in which no file can grow beyond 64 KiB.

    As root it is a disk of that size; a user cannot mount one, and limits the size of files:
    the system refuses the same write, in the middle.
    """
    folder = root / "disk"
    folder.mkdir()
    if os.geteuid() == 0:
        with mounted(folder, "size=64k"):
            yield folder
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, hard))
    try:
        yield folder
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def read_only(root: Path) -> Iterator[Path]:
    """Give a folder with the file ``old.txt`` that cannot be written in.

    The mode of a folder stops a user; root is stopped by a read-only mount.
    """
    folder = root / "fixed"
    folder.mkdir()
    if os.geteuid() == 0:
        with mounted(folder, "size=64k"):
            (folder / "old.txt").write_text("old")
            subprocess.run([MOUNT, "-o", "remount,ro", folder], check=True)
            yield folder
        return
    (folder / "old.txt").write_text("old")
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)
