"""A host process as its starter sees it: fed, watched from outside through /proc, always ended."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COMMAND = (sys.executable, "-m", "llmspell_testkit.hostile.host")
START_S = 30.0
"""What a host may take beyond its case's wall clock: to start, to run the good spell, to close."""
EXIT_S = 5.0
"""What a host may take to exit, and what it left behind to vanish."""
_LOOK_S = 0.05
_MOST_BYTES = 256 * 1024 * 1024


class Ending(msgspec.Struct, kw_only=True):
    """How a host process ended: what it wrote, its code, and what was seen from outside.

    `code` is as `subprocess` has it, negative for a signal; None when it had to be killed.
    `children` are processes it still had when it had said that it was done; `orphans` those that
    lived on when it was gone, and were killed.
    """

    stdout: bytes = b""
    stderr: bytes = b""
    code: int | None = None
    hung: bool = False
    children: list[str] = []
    orphans: list[str] = []


def run_host(job: bytes, folder: Path, env: Mapping[str, str], deadline_s: float) -> Ending:
    """Run one host in `folder` with `job` on its standard input; kill it after `deadline_s`."""
    ending = Ending()
    with (folder / "stderr").open("wb") as errors:
        host = subprocess.Popen(
            COMMAND,
            cwd=folder,
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
    watched: dict[int, str] = {}
    try:
        assert host.stdin is not None
        with suppress(BrokenPipeError):
            host.stdin.write(job + b"\n")
            host.stdin.flush()
        done = _read_report(host, ending, watched, time.monotonic() + deadline_s)
        if done:
            _watch(host.pid, watched)  # what it made since the last look is ended too
            ending.children = _left_behind(host.pid)
            with suppress(BrokenPipeError):
                host.stdin.close()
        _finish(host, ending, done=done)
    finally:
        _kill_group(host)
        ending.orphans = list(_kill_orphans(watched))
    ending.stderr = (folder / "stderr").read_bytes()
    return ending


def _read_report(
    host: subprocess.Popen[bytes], ending: Ending, watched: dict[int, str], deadline: float
) -> bool:
    """Read until the host has written a line; False where it ended or hung before that."""
    assert host.stdout is not None
    pieces: list[bytes] = []
    size = 0
    while time.monotonic() < deadline:
        _watch(host.pid, watched)
        ready, _, _ = select.select([host.stdout], [], [], _LOOK_S)
        if not ready:
            if host.poll() is not None:
                # dead, and something it left behind holds its standard output
                break
            continue
        piece = os.read(host.stdout.fileno(), 1 << 20)
        pieces.append(piece)
        size += len(piece)
        if not piece or piece.endswith(b"\n") or size > _MOST_BYTES:
            ending.stdout = b"".join(pieces)
            return piece.endswith(b"\n")
    ending.stdout = b"".join(pieces)
    ending.hung = host.poll() is None
    return False


def _finish(host: subprocess.Popen[bytes], ending: Ending, *, done: bool) -> None:
    """Wait for the host's own exit, and read what else it writes."""
    assert host.stdout is not None
    if ending.hung:
        return
    try:
        ending.code = host.wait(EXIT_S)
    except subprocess.TimeoutExpired:
        ending.hung = True
        return
    if done:
        os.set_blocking(host.stdout.fileno(), False)
        ending.stdout += host.stdout.read() or b""


def _kill_group(host: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(host.pid, signal.SIGKILL)
    host.wait()
    for pipe in (host.stdin, host.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


def _children(pid: int) -> Iterator[int]:
    """List the children of a process, of all its threads, as the kernel has them."""
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            yield from map(int, file.read_text("ascii").split())


def _watch(pid: int, watched: dict[int, str]) -> None:
    """Remember the host's children: where it dies before its report, they must die with it."""
    for child in _children(pid):
        if child not in watched:
            watched[child] = _start_time(child)


def _start_time(pid: int) -> str:
    """Return what tells a process from a later one of the same number, or nothing if it is gone."""
    with suppress(OSError):
        stat = Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(")")[2].split()
        return "" if stat[0] in "ZX" else stat[19]
    return ""


def _left_behind(pid: int) -> list[str]:
    """Name the children that a host which is done still has, once they had time to vanish."""
    deadline = time.monotonic() + EXIT_S
    while found := list(_children(pid)):
        if time.monotonic() > deadline:
            return [_name(child) for child in found]
        time.sleep(_LOOK_S / 5)
    return []


def _kill_orphans(watched: dict[int, str]) -> Iterator[str]:
    """Name and kill those children that outlive their host."""
    for pid in _still_there(watched):
        yield _name(pid)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _still_there(watched)


def _still_there(watched: dict[int, str]) -> list[int]:
    """List those that are there even after they had time to end."""
    deadline = time.monotonic() + EXIT_S
    while alive := [pid for pid, born in watched.items() if born and _start_time(pid) == born]:
        if time.monotonic() > deadline:
            return alive
        time.sleep(_LOOK_S / 5)
    return []


def _name(pid: int) -> str:
    """Describe a process for people."""
    with suppress(OSError):
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
        return f"{pid} ({line.decode('utf-8', 'replace')[:120].strip()})"
    return str(pid)


def environment(**more: Any) -> dict[str, str]:
    """Make a host's environment: what Python needs to find the same modules, and `more`."""
    own = (sys.prefix, sys.base_prefix, sys.exec_prefix)
    paths = [path for path in sys.path if Path(path).is_absolute() and not path.startswith(own)]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": os.pathsep.join(paths), **more}
