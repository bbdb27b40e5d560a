"""What a host's own callbacks of litellm see of a call."""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import Any

import pytest

from llmspell_bridges.llm import clients
from llmspell_bridges.llm.importing import LISTENERS, litellm_ready

pytestmark = pytest.mark.anyio


async def test_a_callback_sees_the_call_without_its_words(
    ask: Any, mock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the prompt nor the answer, unless the host asks for them; it sees what it cost."""
    litellm: Any = await litellm_ready()
    from litellm.integrations.custom_logger import CustomLogger

    seen: asyncio.Queue[Any] = asyncio.Queue()

    class Listener(CustomLogger):  # type: ignore[misc] # litellm is untyped for mypy
        async def async_log_success_event(
            self, kwargs: Any, response_obj: Any, *_: Any, **__: Any
        ) -> None:
            await seen.put((str(kwargs["messages"]) + str(response_obj), kwargs["response_cost"]))

    for name in LISTENERS:  # litellm puts a callback into all of them
        monkeypatch.setattr(litellm, name, [])
    litellm.callbacks.append(Listener())
    mock.reply("an owl at night")
    assert await ask("complete", "Who hunts?") == "an owl at night"
    told, cost_usd = await asyncio.wait_for(seen.get(), 10)
    assert "Who hunts?" not in told
    assert "an owl at night" not in told
    assert cost_usd > 0


@pytest.mark.parametrize("own", [[], ["cache"]])
async def test_where_nobody_listens_nothing_is_copied(
    ask: Any, mock: Any, own: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor put together, nor priced for it: litellm registers nobody, but its cache for Gemini."""
    litellm: Any = await litellm_ready()
    for name in LISTENERS:
        monkeypatch.setattr(litellm, name, list(own))
    from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

    told: list[Any] = []

    def note(async_coroutine: Any) -> None:
        told.append(async_coroutine)
        async_coroutine.close()

    monkeypatch.setattr(GLOBAL_LOGGING_WORKER, "ensure_initialized_and_enqueue", note)
    monkeypatch.setattr(litellm, "response_cost_calculator", lambda **told_of: told.append(told_of))
    answer = await ask("complete", "Hi")
    assert answer.fields["cost_usd"] > 0
    await asyncio.sleep(0)  # a task that the call started has its turn
    assert litellm.turn_off_message_logging is False
    assert told == []


async def test_a_call_of_the_hosts_own_is_priced(bridge: Any, mock: Any) -> None:
    """What litellm answers the rest of the program is as it was."""
    litellm: Any = await litellm_ready()

    async def own() -> Any:
        return await litellm.acompletion(
            model="openai/gpt-4o",
            messages=[{"role": "user", "content": "Hi"}],
            api_base=mock.base_url(),
            api_key="the program's",
        )

    # a task of the program's, which never called the bridge
    answer = await asyncio.create_task(own(), context=Context())
    assert answer._hidden_params["response_cost"] > 0


async def test_a_closed_runtime_takes_nothing_from_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many were closed on a loop, what litellm has to tell a listener is told."""
    await litellm_ready()
    from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

    worker: Any = GLOBAL_LOGGING_WORKER
    monkeypatch.setattr(worker, "concurrency", 2)
    monkeypatch.setattr(worker, "_sem", None)
    for _ in range(3):
        clients.hold()
        worker.start()
        await asyncio.sleep(0)
        await clients.release()
    told = asyncio.Event()

    async def tell() -> None:
        told.set()

    worker.start()
    worker.enqueue(tell())
    await asyncio.wait_for(told.wait(), 10)
    await worker.stop()
