"""An engine whose library is not installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llmspell_core.engine import EngineConfig, EngineInfo
from llmspell_core.errors import UnsupportedError
from llmspell_engines.host.engine import WorkerEngine

if TYPE_CHECKING:
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
