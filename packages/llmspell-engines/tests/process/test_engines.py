"""The real engines in these processes."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import pytest
from process_helpers import LAUNCHERS, PROCESSES, Talk

from llmspell_engines.codec import decode, encode
from llmspell_engines.protocol import DONE, FAILED, LOG, START

if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_engines.host import Worker

MIB = 1024 * 1024
pytestmark = pytest.mark.anyio
every = pytest.mark.parametrize("launcher", LAUNCHERS)
both = pytest.mark.parametrize("launcher", PROCESSES)
GUESTS = {
    "lua": "llmspell_engines.lua.guest:LuaGuest",
    "javascript": "llmspell_engines.javascript.guest:JavaScriptGuest",
}
engines = pytest.mark.parametrize("engine", GUESTS)
PRINT = {"lua": "print(params.n)", "javascript": "console.log(params.n)"}
SPIN = {"lua": "print('on') while true do end", "javascript": "console.log('on'); while (true);"}
GROW = {
    "lua": "local t = {} while true do pcall(function() t[#t + 1] = ('x'):rep(1e6) .. #t end) end",
    "javascript": "const t = []; while (true) t.push(new Uint8Array(1e6).fill(1));",
    "javascript heap": "const t = []; while (true) t.push({ a: [t.length, 'x' + t.length] });",
}


def run(worker: Worker, source: str) -> Talk:
    """Start a spell without bridges."""
    talk = Talk(worker)
    start = {
        "name": "test",
        "source": source,
        "params": {"n": 42},
        "env": {},
        "seed": 1,
        "clock_ms": 1_700_000_000_000,
        "includes": {},
        "bridges": {},
        "limits": {
            "depth": 64,
            "nodes": 200_000,
            "message_bytes": 16 * MIB,
            "result_bytes": 10 * MIB,
            "calls_in_flight": 64,
        },
    }
    worker.send(START, 0, encode(start))
    return talk


@engines
@every
async def test_a_spell_runs(open_pool: Callable[..., Any], engine: str) -> None:
    """At every level both engines take a spell, see its parameters and finish."""
    async with open_pool(GUESTS[engine], memory_bytes=128 * MIB) as pool:
        worker = await pool.acquire()
        talk = run(worker, PRINT[engine] + "\nreturn params.n + 1")
        assert decode(await talk.hear(DONE)) == 43
        assert decode(await talk.hear(LOG)) == ["log", "42"]


@engines
async def test_the_zygote_has_one_thread(open_pool: Callable[..., Any], engine: str) -> None:
    """With the engine loaded, the zygote has exactly one thread: others would not be forked."""
    async with open_pool(GUESTS[engine]) as pool:
        await pool.acquire()
        assert len(os.listdir(f"/proc/{pool._launcher.zygote.pid}/task")) == 1


@engines
@both
async def test_an_endless_loop_is_killed_and_its_log_kept(
    open_pool: Callable[..., Any], engine: str
) -> None:
    """SIGKILL ends a loop in the engine, and what was printed before it is there."""
    async with open_pool(GUESTS[engine]) as pool:
        talk = run(await pool.acquire(), SPIN[engine])
        assert decode(await talk.hear(LOG)) == ["log", "on"]
        async with asyncio.timeout(5):
            ended = await talk.worker.stop("timeout")
        assert ended.reason == "timeout"


@pytest.mark.parametrize("name", GROW)
async def test_memory_ends_for_whoever_hoards_it(open_pool: Callable[..., Any], name: str) -> None:
    """A spell that only ever allocates is recognised as out of memory, or told so by its engine."""
    async with open_pool(GUESTS[name.split(maxsplit=1)[0]], memory_bytes=64 * MIB) as pool:
        talk = run(await pool.acquire(), GROW[name])
        async with asyncio.timeout(30):
            while talk.worker.exit is None and not talk.heard(FAILED):
                await talk.news()
        if talk.worker.exit is not None:
            assert talk.worker.exit.out_of_memory, talk.worker.exit
        else:
            record = decode(await talk.hear(FAILED))
            assert isinstance(record, dict)
            assert record["details"] == {"limit": "memory"}


@engines
async def test_a_running_spell_survives_its_zygote(
    open_pool: Callable[..., Any], engine: str
) -> None:
    """A worker goes on when its zygote is killed before the spell starts."""
    async with open_pool(GUESTS[engine]) as pool:
        worker = await pool.acquire()
        pool._launcher.zygote.kill()
        await pool._launcher.zygote._ended
        assert decode(await run(worker, "return 7").hear(DONE)) == 7
        assert decode(await run(await pool.acquire(), "return 8").hear(DONE)) == 8
