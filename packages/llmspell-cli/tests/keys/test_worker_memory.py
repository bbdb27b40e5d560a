"""No key is in a worker, nor in the zygote that it is forked from: their memory is searched.

A worker gives its memory to nobody (it is not dumpable), not even to its own user; but a descriptor
of it that was opened before it said so goes on working. So the processes that the host starts are
opened as they are started. A worker that is forked later is opened by root alone; what it has beyond
its zygote is what it was sent, as the other kind of worker was.
"""

from __future__ import annotations

import binascii
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core import Bridge, Runtime, method

sys.path.insert(0, str(Path(__file__).parent))
from server import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from server import Server

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]

KEY = "sk-canary-e07b1c52d9f84a36ae0715c8"
OTHER = "sk-canary-9b3c7d1e5f2a4860b8d4e6f1"
MARK = "a-mark-of-the-spells-own-" + "4711" * 4
LUA = f"""
local mark = "{MARK}"
local answer = llm.complete{{prompt = "Hi"}}
local done, error = pcall(llm.complete, {{prompt = "Hi", model = "openai/echo-error"}})
for piece in llm.stream{{prompt = "Hi", model = "openai/echo-chunks"}} do mark = mark .. piece end
return looking.look(), mark, answer, error
"""
JAVASCRIPT = f"""
let mark = "{MARK}";
const answer = await llm.complete({{prompt: "Hi"}});
const error = await llm.complete({{prompt: "Hi", model: "openai/echo-error"}}).catch((e) => e);
for await (const piece of llm.stream({{prompt: "Hi", model: "openai/echo-chunks"}})) mark += piece;
const found = await looking.look();
return found ?? [mark, answer, error];
"""
SCRIPTS = {"lua": LUA, "javascript": JAVASCRIPT}
_CHUNK = 4 * 1024 * 1024


class Process:
    """A process whose memory was opened: by whoever started it, or by root."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
        self._maps = os.open(f"/proc/{pid}/maps", os.O_RDONLY)
        self.about = b"".join(
            Path(f"/proc/{pid}/{name}").read_bytes() for name in ("environ", "cmdline")
        )

    def close(self) -> None:
        os.close(self._memory)
        os.close(self._maps)

    def holds(self, needles: list[bytes]) -> tuple[list[bytes], int]:
        """Search all that it can read itself; return what was found, and how many bytes it was."""
        found: set[bytes] = set()
        total = 0
        longest = max(map(len, needles))
        for start, end in self._regions():
            for at in range(start, end, _CHUNK):
                try:
                    data = os.pread(self._memory, min(_CHUNK + longest, end - at), at)
                except OSError:  # not there: a guard page, a device
                    continue
                total += len(data)
                found.update(needle for needle in needles if needle in data)
        return sorted(found), total

    def _regions(self) -> list[tuple[int, int]]:
        lines = b""
        while piece := os.read(self._maps, 65536):
            lines += piece
        os.lseek(self._maps, 0, os.SEEK_SET)
        regions = []
        for line in lines.decode().splitlines():
            place, access, *rest = line.split()
            if access.startswith("r") and not rest[-1].startswith(("[vvar", "[vsyscall")):
                start, end = (int(part, 16) for part in place.split("-"))
                regions.append((start, end))
        return regions


class Looking(Bridge):
    """Searches the processes while the spell waits for the answer."""

    name = "looking"

    def __init__(self, started: list[Process]) -> None:
        self.started = started
        self.found: list[tuple[str, list[bytes], int]] = []

    @method()
    async def look(self) -> None:
        """Search them all."""
        needles = [*_parts(KEY), *_parts(OTHER), MARK.encode()]
        known = {process.pid for process in self.started}
        forked = [pid for pid in _children() if pid not in known]
        for process in [*self.started, *filter(None, map(_opened, forked))]:
            found, total = process.holds(needles)
            found += [needle for needle in needles if needle in process.about]
            kind = "started" if process.pid in known else "forked"
            self.found.append((kind, found, total))
            if kind == "forked":
                process.close()


def _parts(key: str) -> list[bytes]:
    """Cut a key into pieces that do not overlap: hundreds of megabytes are searched for each."""
    secret = key.removeprefix("sk-canary-").encode()
    return [secret[:8], secret[8:16], secret[16:], binascii.b2a_base64(key.encode())[:24]]


def _children() -> list[int]:
    threads = Path("/proc/self/task").iterdir()
    return [int(pid) for it in threads for pid in (it / "children").read_text().split()]


def _opened(pid: int) -> Process | None:
    try:
        return Process(pid)
    except PermissionError:  # it is not dumpable, and we are not root
        assert os.geteuid() != 0
        return None


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """A provider that tells the key; the host has another one in its environment."""
    monkeypatch.setenv("ACME_API_KEY", OTHER)
    async with serving() as server:
        yield server


class Started:
    """The processes that the host has started, and how many of them could not be opened."""

    def __init__(self) -> None:
        self.processes: list[Process] = []
        self.missed = 0

    def add(self, pid: int) -> None:
        try:
            self.processes.append(Process(pid))
        except PermissionError:
            self.missed += 1

    def close(self) -> None:
        while self.processes:
            self.processes.pop().close()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """The processes that the host starts, opened before they do anything."""
    started = Started()
    spawn = os.posix_spawn

    def opening(*arguments: Any, **named: Any) -> int:
        pid = spawn(*arguments, **named)
        started.add(pid)
        return pid

    monkeypatch.setattr(os, "posix_spawn", opening)
    return started


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows a process's memory")
@pytest.mark.parametrize("one_shot", [True, False], ids=["started", "forked"])
@pytest.mark.parametrize("language", SCRIPTS)
async def test_no_key_is_in_the_memory_of_a_worker(
    server: Server, started: Started, language: str, *, one_shot: bool
) -> None:
    """While it waits for an answer, after one that told it the key; nor in its zygote's."""
    here = {"base_url": f"{server.address}/v1", "api_key": KEY}
    llm = {"default_model": "openai/echo-body", "providers": {"openai": here}}
    for _ in range(20):  # until no process was so quick that it had closed its memory already
        started.missed = 0
        looking = Looking(started.processes)
        async with Runtime(settings={"llm": llm}, bridges=[looking], one_shot=one_shot) as runtime:
            await runtime.run(SCRIPTS[language], language=language)
        started.close()
        if not started.missed:
            break
    assert not started.missed
    assert {seen.headers["authorization"] for seen in server.seen} == {f"Bearer {KEY}"}
    assert looking.found
    for kind, found, total in looking.found:
        assert total > 5_000_000, kind
        assert set(found) <= {MARK.encode()}, kind
    marked = [kind for kind, found, _ in looking.found if found]
    if one_shot:
        assert marked == ["started"], "the spell's own text is there, so the search finds things"
    elif os.geteuid() == 0:
        assert "forked" in marked
