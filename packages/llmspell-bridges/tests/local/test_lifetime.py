"""How the child process of a local model starts, stops, dies and is replaced."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_bridges.local import store
from llmspell_bridges.local.client import LocalModel
from llmspell_core.errors import (
    ConfigurationError,
    ModelNotFoundError,
    ProviderError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
STORY = [{"role": "user", "content": "Tell me a long story about a river."}]


def ended(pid: int) -> bool:
    """Wait up to ten seconds for a process that is not our child to end."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 10)[0])
    finally:
        os.close(descriptor)


async def short(model: LocalModel) -> dict[str, Any]:
    """Ask for an answer of a few tokens."""
    return await model.complete({"messages": QUESTION, "max_tokens": 4})


async def test_leaving_a_stream_stops_the_model(smollm2: LocalModel) -> None:
    """After an early exit the same child answers the next request at once."""
    stream = smollm2.stream({"messages": STORY, "max_tokens": 4000})
    await anext(stream)
    pid = smollm2.pid
    await stream.aclose()
    async with asyncio.timeout(20):
        await short(smollm2)
    assert smollm2.pid == pid


async def test_cancelling_a_request_stops_the_model(smollm2: LocalModel) -> None:
    """A cancelled request, its prompt still being read, does not hold up the next one."""
    messages = [{"role": "user", "content": "lorem ipsum dolor " * 1000}]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await smollm2.complete({"messages": messages})
    async with asyncio.timeout(20):
        await short(smollm2)


@pytest.mark.parametrize("signal_name", ["SIGKILL", "SIGABRT"])
async def test_a_child_that_dies_is_replaced(smollm2: LocalModel, signal_name: str) -> None:
    """The request during which the child dies gets a clear error, the next one a new child."""
    stream = smollm2.stream({"messages": STORY, "max_tokens": 4000})
    await anext(stream)
    pid = smollm2.pid
    assert pid is not None
    os.kill(pid, signal.Signals[signal_name])
    with pytest.raises(ProviderError, match=rf"ended unexpectedly \(signal {signal_name}\)"):
        async for _ in stream:
            pass
    assert (await short(smollm2))["text"]
    assert smollm2.pid not in {pid, None}


async def test_a_child_that_dies_idle_is_replaced(smollm2: LocalModel) -> None:
    """The death of an idle child is seen by nobody."""
    await short(smollm2)
    pid = smollm2.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert ended(pid)
    assert (await short(smollm2))["text"]


def test_one_model_serves_several_event_loops(smollm2: LocalModel) -> None:
    """Event loops that follow each other use the same child."""
    pids: list[int | None] = []
    for _ in range(2):
        asyncio.run(short(smollm2))
        pids.append(smollm2.pid)
    assert pids[0] == pids[1] is not None


def test_the_child_dies_with_its_host(smollm2: LocalModel) -> None:
    """A host that is killed leaves no child behind."""
    host = f"""
import asyncio, pathlib
from llmspell_bridges.local.client import LocalModel
model = LocalModel("smollm2", path=pathlib.Path({str(store.path_of(smollm2.model))!r}))
request = {{"messages": [{{"role": "user", "content": "hi"}}], "max_tokens": 1}}
asyncio.run(model.complete(request))
print(model.pid, flush=True)
input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", host], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.kill()
    assert ended(child)


async def test_closing_ends_the_child(smollm2: LocalModel) -> None:
    """A closed model has no child and takes no request; one that waits gets an error."""
    model = LocalModel("smollm2", path=store.path_of(smollm2.model))
    stream = model.stream({"messages": STORY, "max_tokens": 4000})
    await anext(stream)
    pid = model.pid
    assert pid is not None
    await model.close()
    assert ended(pid)
    with pytest.raises(ProviderError, match="was closed while it answered"):
        async for _ in stream:
            pass
    with pytest.raises(ProviderError, match="is closed"):
        await short(model)


async def test_the_child_listens_on_no_port(smollm2: LocalModel) -> None:
    """Nobody else on the machine can reach the model."""
    await short(smollm2)
    links = [str(it.readlink()) for it in Path(f"/proc/{smollm2.pid}/fd").iterdir()]
    inodes = {link[8:-1] for link in links if link.startswith("socket:[")}
    assert inodes
    for name in ("tcp", "tcp6"):
        with open(f"/proc/net/{name}") as table:  # noqa: PTH123 - not a disk's
            assert not inodes & {line.split()[9] for line in table.readlines()[1:]}


@pytest.mark.usefixtures("cache")
async def test_a_model_that_was_not_pulled() -> None:
    """A missing model's error names the command that pulls it."""
    model = LocalModel("smollm2")
    with pytest.raises(ModelNotFoundError, match="run `llmspell models pull smollm2`"):
        await short(model)
    await model.close()


async def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    """A file that cannot be loaded is named."""
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF, but not really")
    model = LocalModel("smollm2", path=path)
    with pytest.raises(ProviderError, match=r"broken\.gguf cannot be loaded"):
        await short(model)
    await model.close()


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("libgomp.so.1: cannot open shared object file", "apt-get install libgomp1"),
        ("No module named 'xllamacpp'", r"pip install 'llmspell-bridges\[local\]'"),
    ],
)
async def test_a_missing_runtime_names_the_remedy(
    reason: str, message: str, tmp_path: Path, fake_module: Callable[[str, str], None]
) -> None:
    """A missing system library or package is named with the command that installs it."""
    fake_module("xllamacpp.py", f"raise ImportError({reason!r})")
    model = LocalModel("smollm2", path=tmp_path)
    with pytest.raises(ConfigurationError, match=message):
        await short(model)
    await model.close()
