"""A host under attack by one worker: the others go on, and what it holds stays under a bound."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core import EngineConfig, LimitError, Limits, LlmspellError, Session
from llmspell_engines.host import run as run_module
from llmspell_engines.host.calls import HOST_BYTES_PER_WORKER

sys.path.insert(0, str(Path(__file__).parent))

from attack_host import CALLS, AttackEngine, Demo, GoodEngine

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio
HOST = Path(__file__).with_name("attack_host.py")
TIMED_OUT = "limit: the spell ran longer than 2 s"
GOES_ON = "CancelledError"
"""It would never have ended: the host cancelled it when the good spells had their answers."""
CONFIG = EngineConfig(spares=0, isolation="process")


@pytest.fixture
def anyio_backend() -> str:
    """Run on asyncio."""
    return "asyncio"


ATTACKS = {
    "flood_of_logs": GOES_ON,
    "flood_of_calls": GOES_ON,
    "flood_of_errors": GOES_ON,
    "nested_lists": GOES_ON,
    "many_text_records": GOES_ON,
    "megabytes": GOES_ON,
    "drip": GOES_ON,
    "releases": GOES_ON,
    "half_a_frame": TIMED_OUT,
    "half_a_header": TIMED_OUT,
    "hang_up": "internal: spell: the script engine ended unexpectedly",
    "heap_of_maps": GOES_ON,
    "heap_of_texts": GOES_ON,
    "failing_calls": GOES_ON,
    "unread_answers": "limit: the spell left more than 128 MiB of answers unread",
    "heap_of_returns": "limit: the spell gave more than 64 MiB of arguments",
    "endless_message": "internal: spell: the script engine ended unexpectedly: protocol",
}
"""What each of them comes to."""


@pytest.mark.parametrize("attack", ATTACKS)
async def test_others_go_on_and_memory_is_bounded(
    attack: str, record_property: Callable[[str, Any], None]
) -> None:
    """Beside an attack good spells of 50 calls give their answers, and memory is bounded."""
    ended = ATTACKS[attack]
    async with asyncio.timeout(50):
        host = await asyncio.create_subprocess_exec(
            sys.executable,
            str(HOST),
            attack,
            "2",
            "goes-on" if ended == GOES_ON else "ends",
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        said, _ = await host.communicate()
    report = json.loads(said)
    record_property("report", report)
    assert report["attack"].startswith(ended)
    assert report["beside"]["count"] >= 3
    assert report["beside"]["right"] == report["beside"]["count"]
    assert report["after"] == CALLS
    assert report["held_bytes"] < HOST_BYTES_PER_WORKER
    if ended == GOES_ON:
        assert not report["outlived"]


async def attacked(attack: str, **limits: Any) -> Any:
    """Run one attack in this process."""
    session = Session(bridges={"demo": Demo()}, name="bad.x", limits=Limits(**limits))
    async with asyncio.timeout(30), await AttackEngine.create(CONFIG) as engine:
        try:
            return await engine.execute(attack, session=session)
        finally:
            await session.close()


async def test_unread_errors_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that never reads the errors of its calls is ended like one that reads no results."""
    monkeypatch.setattr(run_module, "UNSENT_BYTES", 1 << 20)
    with pytest.raises(LimitError) as caught:
        await attacked("unread_errors", timeout_s=25.0)
    assert caught.value.limit == "unread_answers"


async def test_a_call_that_weighs_much_can_call_back() -> None:
    """A worker that is held back for its arguments is read while the host waits for its function."""
    assert await attacked("heavy_call_with_a_function", timeout_s=20.0) == "done"


async def test_a_chunk_that_is_not_full_ends_the_worker() -> None:
    """A frame that says more follows is full, so that a message has sixteen of them at most."""
    with pytest.raises(LlmspellError, match="a frame of 1 bytes that says more follows"):
        await attacked("a_chunk_that_is_not_full", timeout_s=20.0)


async def test_a_dead_workers_child_is_not_listened_to() -> None:
    """Whoever inherited a dead worker's socket cannot keep its run open, nor the host busy."""
    async with asyncio.timeout(30), await GoodEngine.create(CONFIG) as engine:
        with pytest.raises(LlmspellError, match="crashed: exit code 3"):
            await attacked("leave_a_child", timeout_s=20.0, log_bytes=1 << 40)
        session = Session(bridges={"demo": Demo()}, name="good.g")
        assert await engine.execute("", {"calls": 3}, session=session) == 3
