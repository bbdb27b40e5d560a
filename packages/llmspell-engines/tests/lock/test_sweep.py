"""Every system call there is, made in a locked worker: what the kernel itself answers."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal

import pytest

from llmspell_engines.host.exit import Exit
from llmspell_engines.host.launch import ForkLauncher
from llmspell_engines.protocol import DONE, START
from llmspell_engines.worker.lock import policy, seccomp

NUMBERS = seccomp.MACHINES[os.uname().machine][1]
DEADLY = [NUMBERS[name] for name in policy.DEADLY if name in NUMBERS]
DECIDED = {NUMBERS[name] for name in (*policy.ALLOWED, *policy.CHECKED) if name in NUMBERS}
X32 = 0x40000000
UNFILTERED = {"x86_64": (335, 336)}.get(os.uname().machine, ())
"""`uretprobe` and `uprobe`, which newer kernels let past every filter (kernel/seccomp.c), and which
do nothing but from the kernel's own code."""

pytestmark = pytest.mark.anyio


async def make(launcher: ForkLauncher, numbers: list[int]) -> dict[int, int] | Exit:
    """Make these calls in a worker; return their errnos, or how the worker ended."""
    worker = await launcher.launch(None)
    ended: asyncio.Future[dict[int, int] | Exit] = asyncio.get_running_loop().create_future()

    def heard(kind: int, _: int, payload: bytes) -> None:
        if kind == DONE and not ended.done():
            ended.set_result(dict(json.loads(payload)))

    def died(exit_: Exit) -> None:
        if not ended.done():
            ended.set_result(exit_)

    worker.attach(heard, died)
    worker.send(START, 0, json.dumps(numbers).encode())
    async with asyncio.timeout(20):
        found = await ended
    await worker.stop()
    return found


async def test_every_other_call_fails_with_eperm() -> None:
    """What the policy does not name is refused, be the arguments as wrong as can be."""
    launcher = ForkLauncher("sweep_guest:SweepGuest")
    others = [number for number in range(601) if number not in {*DECIDED, *DEADLY, *UNFILTERED}]
    try:
        found = await make(launcher, others)
    finally:
        await launcher.close()
    assert isinstance(found, dict), found
    assert found == dict.fromkeys(others, errno.EPERM)


async def test_a_deadly_call_ends_the_process() -> None:
    """Each call that no engine makes ends its worker with SIGSYS; so do the x32 numbers."""
    launcher = ForkLauncher("sweep_guest:SweepGuest")
    try:
        for number in [*DEADLY, X32, X32 | 59, X32 | 520, -1]:
            found = await make(launcher, [number])
            assert isinstance(found, Exit), (number, found)
            assert found.signal == signal.SIGSYS, (number, found)
    finally:
        await launcher.close()


async def test_what_no_filter_sees_does_nothing() -> None:
    """The two calls that the kernel exempts from all filters fail, or end the process."""
    launcher = ForkLauncher("sweep_guest:SweepGuest")
    try:
        for number in UNFILTERED:
            found = await make(launcher, [number])
            if isinstance(found, Exit):
                assert found.signal == signal.SIGILL, (number, found)
            else:
                assert found[number] in (errno.EPERM, errno.ENXIO), (number, found)
    finally:
        await launcher.close()
