"""An engine whose library is not installed."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from llmspell_core.engine import EngineConfig, EngineInfo
from llmspell_core.errors import UnsupportedError
from llmspell_engines.host.engine import WorkerEngine
from llmspell_engines.worker.guests import load

if TYPE_CHECKING:
    from pathlib import Path

    from llmspell_core.isolation import Isolation

pytestmark = pytest.mark.anyio


class Uninstalled(WorkerEngine):
    """Its guest cannot be imported."""

    info = EngineInfo(name="toy", language="Toy", version="1", suffixes=(".toy",))
    guest = "uninstalled_guest:Guest"


@pytest.mark.parametrize("one_shot", [False, True])
@pytest.mark.parametrize("isolation", ["locked", "process", "inproc"])
async def test_the_error_says_what_to_install(isolation: Isolation, *, one_shot: bool) -> None:
    """It is the user's to mend, and no mistake of ours: nothing is said of zygotes and workers."""
    config = EngineConfig(isolation=isolation, one_shot=one_shot)
    async with await Uninstalled.create(config) as engine:
        with pytest.raises(UnsupportedError) as caught:
            await engine.execute("1")
    assert caught.value.message == "Toy needs toylib: pip install 'llmspell-engines[toy]'"


SLOW = """
import sys
here = sys.modules["two_threads"]
here.importing.set()
assert here.go_on.wait(20)
raise ImportError("no library")
"""


def test_a_thread_that_waits_for_a_failing_import_gets_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python lets it go without an error and without the module."""
    (tmp_path / "slow_guest.py").write_text(SLOW)
    monkeypatch.syspath_prepend(tmp_path)
    events = type(sys)("two_threads")
    events.importing, events.go_on = threading.Event(), threading.Event()
    monkeypatch.setitem(sys.modules, "two_threads", events)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(load, "slow_guest:Guest")
        assert events.importing.wait(20)
        second = pool.submit(load, "slow_guest:Guest")
        while not waits_for_an_import(set(pool._threads)):
            assert not second.done()
        events.go_on.set()
        for one in (first, second):
            with pytest.raises(ImportError, match="no library"):
                one.result(20)


def waits_for_an_import(threads: set[threading.Thread]) -> bool:
    """Say whether one of these threads stands at the lock of a module."""
    frames = sys._current_frames()
    codes = [frames[it.ident].f_code for it in threads if it.ident in frames]
    return any("importlib" in code.co_filename and code.co_name == "acquire" for code in codes)
