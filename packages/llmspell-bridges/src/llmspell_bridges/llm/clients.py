"""The HTTP clients that litellm keeps, closed when the last bridge of an event loop closes.

litellm caches one client per event loop, provider and key; its own clean-up skips OpenAI's.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_holders: dict[int, int] = {}


@asynccontextmanager
async def asking_once(connection: dict[str, Any]) -> AsyncIterator[Any]:
    """Open a client of OpenAI's that never tries again on its own.

    For images and moderation litellm makes one that does so twice, whatever `max_retries` is, and
    sets it in a client that is given to it: here it cannot.
    """
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient

    class AsksOnce(AsyncOpenAI):
        max_retries = property(lambda _: 0, lambda _, __: None)

    async with AsksOnce(
        api_key=connection.get("api_key"),
        base_url=connection.get("api_base"),
        timeout=connection["timeout"],
        http_client=DefaultAsyncHttpxClient(follow_redirects=False),
    ) as client:
        yield client


def hold() -> None:
    """Count one more bridge that uses this event loop's clients."""
    loop = id(asyncio.get_running_loop())
    _holders[loop] = _holders.get(loop, 0) + 1


async def release() -> None:
    """Count one less; the last one closes what litellm and the local models hold."""
    loop = id(asyncio.get_running_loop())
    _holders[loop] = _holders.get(loop, 1) - 1
    if _holders[loop] > 0:
        return
    del _holders[loop]
    local = sys.modules.get("llmspell_bridges.local.client")
    if local is not None:
        await local.close_local_models()
    litellm: Any = sys.modules.get("litellm")
    if litellm is None or not hasattr(litellm, "in_memory_llm_clients_cache"):
        return  # never imported, or still being imported: then it has no client either
    await _stop_logging()
    cache = litellm.in_memory_llm_clients_cache
    for key, client in list(cache.cache_dict.items()):
        if str(key).endswith(f"-{loop}"):
            cache.cache_dict.pop(key, None)
            cache.ttl_dict.pop(key, None)
            await _close(client)
    await asyncio.sleep(0)  # closed transports say goodbye in the next round of the loop


async def _stop_logging() -> None:
    """Let litellm's logging worker finish and end; it belongs to this event loop."""
    module: Any = sys.modules.get("litellm.litellm_core_utils.logging_worker")
    worker = getattr(module, "GLOBAL_LOGGING_WORKER", None)
    if worker is None:
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(1):
            await worker.flush()
    await worker.stop()
    if hasattr(worker, "_sem"):
        # Its loop is stopped with a permit in its hand: after as many runtimes as there are permits
        # nothing is logged any more, and each flush waits in vain.
        worker._sem = None  # noqa: SLF001 - `start` makes a new one


async def _close(client: Any) -> None:
    for target in (client, getattr(client, "client", None), getattr(client, "_client", None)):
        for name in ("aclose", "close"):
            closing = getattr(target, name, None)
            if closing is None:
                continue
            with suppress(Exception):  # the others must still be closed
                result = closing()
                if hasattr(result, "__await__"):
                    await result
            return
