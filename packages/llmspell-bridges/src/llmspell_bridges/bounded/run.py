"""Runs one job in a child process: nothing that it is given can hang, fill or crash the host.

A thread would not do: a parser in C, or a query, can be neither interrupted nor kept from taking
memory. A child costs 0.1 s, ends when its time is over, and may take no more memory than it was given.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import msgspec

from llmspell_core import InternalError, ToolError, UnsupportedError

if TYPE_CHECKING:
    from llmspell_core import Session

AT_ONCE = 4
"""Children of one run at the same time; further jobs wait."""
TIMEOUT_S = 10.0
MEMORY_BYTES = 512 * 1024 * 1024
ANSWER_BYTES = 10 * 1024 * 1024
# The child holds no secret: it gets what a Python process needs, not the host's environment.
_PASSED_VARIABLES = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH")

_turns: WeakKeyDictionary[Session, asyncio.Semaphore] = WeakKeyDictionary()


async def run_bounded(
    session: Session, job: str, given: dict[str, Any], *, timeout_s: float = TIMEOUT_S
) -> Any:
    """Do the `job` of `bounded.jobs` with what is `given`, and return what it answers.

    Raises:
        ToolError: the job says what is wrong with what it was given; or it took more than it may.
        InternalError: the job failed: a mistake of ours.
        UnsupportedError: a library is not installed; the message says how to.
    """
    turn = _turns.setdefault(session, asyncio.Semaphore(AT_ONCE))
    async with turn:
        data, code, late = await _child(job, msgspec.msgpack.encode(given), timeout_s)
    if late:
        raise ToolError(f"it takes longer than {timeout_s:g} s; ask for less")
    if len(data) > ANSWER_BYTES:
        raise ToolError(f"the answer is larger than {ANSWER_BYTES:,} bytes; ask for less")
    if code is not None and code > 0:
        raise InternalError(f"the job `{job}` failed with the exit code {code}")
    if code or not data:  # a signal: a library that gets no memory ends the process
        what = f"it takes more than {MEMORY_BYTES // 2**20} MiB of memory, or {timeout_s:g} s"
        raise ToolError(f"{what}; ask for less")
    answer = msgspec.msgpack.decode(data)
    if "missing" in answer:
        text = (
            f"this tool needs the package `{answer['missing']}`; "
            'install it with: pip install "llmspell-bridges[tools]"'
        )
        raise UnsupportedError(text, capability="tools")
    if "problem" in answer:
        raise ToolError(answer["problem"])
    return answer["value"]


async def _child(job: str, given: bytes, timeout_s: float) -> tuple[bytes, int | None, bool]:
    """Start it, feed it, and read its answer: what it said, its exit code, whether it was late."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # a module in the user's folder is not imported
        "-m",
        "llmspell_bridges.bounded.child",
        job,
        str(MEMORY_BYTES),
        str(timeout_s),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: os.environ[name] for name in _PASSED_VARIABLES if name in os.environ},
        process_group=0,  # Ctrl-C on the terminal is for the host, which cancels
    )
    try:
        async with asyncio.timeout(timeout_s):
            data = await _spoken(process, given)
            # what has more to say waits for somebody who listens: it is ended below
            code = None if len(data) > ANSWER_BYTES else await process.wait()
    except TimeoutError:
        return b"", None, True
    else:
        return data, code, False
    finally:
        _end(process)
        await _ended(process)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Wait for the end of a process, though the wait itself is cancelled."""
    waiting = asyncio.ensure_future(process.wait())
    cancelled: asyncio.CancelledError | None = None
    while not waiting.done():
        try:
            await asyncio.shield(waiting)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


async def _spoken(process: asyncio.subprocess.Process, given: bytes) -> bytes:
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None  # noqa: S101 - a pipe, see above
    assert stdout is not None  # noqa: S101 - a pipe, see above

    async def feed() -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # it ended: its exit code says why
            stdin.write(given)
            await stdin.drain()
        stdin.close()

    async with asyncio.TaskGroup() as group:
        group.create_task(feed())
        answer = group.create_task(_read(stdout))
    return answer.result()


async def _read(stdout: asyncio.StreamReader) -> bytes:
    """Read all of it, but little more than an answer may have."""
    pieces, size = [], 0
    while size <= ANSWER_BYTES and (piece := await stdout.read(256 * 1024)):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def _end(process: asyncio.subprocess.Process) -> None:
    """Kill it if it still runs, and close its pipes: an answer that nobody reads is not waited for."""
    process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001 - asyncio has no other way
