"""Hot reload over a toy engine: a spell follows its file, and a broken change loses nothing."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from llmspell_core import LiveSpell, Runtime, ScriptSyntaxError

sys.path.insert(0, str(Path(__file__).parent))
from toy import ToyEngine

pytestmark = pytest.mark.anyio


class Reloads:
    """Waits for reloads."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[LiveSpell] = asyncio.Queue()

    def __call__(self, live: LiveSpell) -> None:
        self.queue.put_nowait(live)

    async def until(self, wanted: object) -> None:
        """Wait until a reload gave `wanted` as the spell's value, or as its error's text."""
        async with asyncio.timeout(20):
            while True:
                live = await self.queue.get()
                if live.error is not None and wanted == str(live.error):
                    return
                if live.error is None and (await live.run()).value == wanted:
                    return


async def test_a_changed_file_is_live(tmp_path: Path) -> None:
    """The next run uses the new version, and its record names it."""
    file = tmp_path / "a.toy"
    file.write_text("return 1")
    reloads = Reloads()
    async with Runtime(engines=[ToyEngine]) as runtime, runtime.load(file, reloads) as spell:
        first = await spell.run()
        file.write_text("return 2")
        await reloads.until(2)
        second = await spell.run()
    assert (first.value, second.value) == (1, 2)
    assert first.version != second.version == spell.version


async def test_a_broken_change_keeps_the_last_good_version(tmp_path: Path) -> None:
    """The error names its line, and the next good change takes it away."""
    file = tmp_path / "a.toy"
    file.write_text("return 1")
    reloads = Reloads()
    async with Runtime(engines=[ToyEngine]) as runtime, runtime.load(file, reloads) as spell:
        file.write_text("return 1\nblah")
        await reloads.until("unknown word 'blah'")
        assert spell.error is not None
        assert str(spell.error.location) == "a.toy:2"
        assert (await spell.run()).value == 1
        file.write_text("return 3")
        await reloads.until(3)
        assert spell.error is None


async def test_a_file_that_vanishes_and_returns_is_followed(tmp_path: Path) -> None:
    """Editors replace files rather than write them."""
    file = tmp_path / "a.toy"
    file.write_text("return 1")
    reloads = Reloads()
    async with Runtime(engines=[ToyEngine]) as runtime, runtime.load(file, reloads) as spell:
        file.unlink()
        while spell.error is None:
            await reloads.queue.get()
        fresh = tmp_path / "new"
        fresh.write_text("return 4")
        fresh.rename(file)
        await reloads.until(4)


async def test_a_file_that_is_being_written_is_not_yet_a_version(tmp_path: Path) -> None:
    """A write empties a file first, and on a busy machine it may take a while to fill it again."""
    file = tmp_path / "a.toy"
    file.write_text("return 1")
    reloads = Reloads()
    async with Runtime(engines=[ToyEngine]) as runtime, runtime.load(file, reloads) as spell:
        file.write_text("")
        asyncio.get_running_loop().call_later(0.1, file.write_text, "return 2")
        await reloads.queue.get()
        assert (await spell.run()).value == 2


async def test_the_first_version_must_be_good(tmp_path: Path) -> None:
    """There is nothing to fall back to."""
    file = tmp_path / "a.toy"
    file.write_text("blah")
    async with Runtime(engines=[ToyEngine]) as runtime:
        with pytest.raises(ScriptSyntaxError):
            await runtime.load(file).__aenter__()


async def test_reloads_under_load_lose_no_run(tmp_path: Path) -> None:
    """Every run finishes, on a version that was whole."""
    file = tmp_path / "a.toy"
    file.write_text("return 0")
    reloads = Reloads()
    seen: set[object] = set()
    async with Runtime(engines=[ToyEngine]) as runtime, runtime.load(file, reloads) as spell:
        for number in range(1, 51):
            (tmp_path / "new").write_text(f"return {number}")
            (tmp_path / "new").rename(file)
            results = await asyncio.gather(*(spell.run() for _ in range(5)))
            seen.update(result.value for result in results)
        await reloads.until(50)
    assert seen <= set(range(51))
