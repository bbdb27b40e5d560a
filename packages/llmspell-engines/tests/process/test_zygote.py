"""The zygote as the host sees it: requests that wait for room, and what becomes of them."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from process_helpers import FAKE

from llmspell_engines.host.zygote import Zygote, ZygoteGoneError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio
REQUESTS = 20


@asynccontextmanager
async def stopped_zygote() -> AsyncIterator[tuple[Zygote, list[asyncio.Task[asyncio.Future[int]]]]]:
    """Start a zygote that does not run, with more requests than its socket holds."""
    zygote = Zygote(FAKE, lambda _: None, layers=())
    zygote._control.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    os.kill(zygote.pid, signal.SIGSTOP)
    ours, theirs = socket.socketpair()
    reading, errors = os.pipe()
    asking = [
        asyncio.ensure_future(zygote.fork(theirs.fileno(), errors, None)) for _ in range(REQUESTS)
    ]
    try:
        async with asyncio.timeout(30):
            while not zygote._waiting:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0)
            yield zygote, asking
            zygote.kill()
            await zygote.close()
    finally:
        ours.close()
        theirs.close()
        os.close(reading)
        os.close(errors)


async def until_answered(asking: list[asyncio.Task[asyncio.Future[int]]]) -> set[int]:
    """Wait for every answer; end and reap what was forked, and return its pids."""
    pids = {await (await task) for task in asking}
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return pids


async def test_requests_wait_for_a_zygote_that_is_behind() -> None:
    """What its socket does not hold is sent when it has read, and each request is answered once."""
    async with stopped_zygote() as (zygote, asking):
        assert not all(task.done() for task in asking)
        os.kill(zygote.pid, signal.SIGCONT)
        assert len(await until_answered(asking)) == REQUESTS
        assert not zygote._waiting


async def test_a_request_that_is_given_up_keeps_no_other_waiting() -> None:
    """Whoever leaves while there is no room was never forked for; the others are answered."""
    async with stopped_zygote() as (zygote, asking):
        leaving = [task for task in asking if not task.done()][::2]
        for task in leaving:
            task.cancel()
        await asyncio.wait(leaving)
        os.kill(zygote.pid, signal.SIGCONT)
        staying = [task for task in asking if task not in leaving]
        assert len(await until_answered(staying)) == len(staying) == zygote.forks


async def test_requests_that_wait_end_with_the_zygote() -> None:
    """Nobody waits for room at a zygote that was killed, nor for an answer of it."""
    async with stopped_zygote() as (zygote, asking):
        waiting = [task for task in asking if not task.done()]
        answers = [task.result() for task in asking if task.done()]
        zygote.kill()
        results = await asyncio.gather(*waiting, *answers, return_exceptions=True)
        assert len(results) == REQUESTS
        for result in results:
            assert isinstance(result, ZygoteGoneError)
            assert not result.by_itself
