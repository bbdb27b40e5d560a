"""litellm, imported in the background: 3 CPU seconds and 200 MB that only LLM calls pay for."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any

from llmspell_bridges.importing import BackgroundImport
from llmspell_bridges.llm.unpriced import CONTEXT

if TYPE_CHECKING:
    from concurrent.futures import Future
    from types import ModuleType

ENVIRONMENT = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else the import fetches the prices
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",  # else the first call fetches a table
    "LITELLM_MODE": "PRODUCTION",  # else `.env` of the current folder could name an endpoint
}
_FIRST_CALL = (  # what litellm imports in the middle of its first call, on the event loop
    "anyio._backends._asyncio",
    "litellm._service_logger",
    "litellm.litellm_core_utils.llm_cost_calc.utils",
    "litellm.llms.custom_httpx.aiohttp_transport",
    "litellm.llms.openai.chat.gpt_audio_transformation",
    "litellm.llms.vertex_ai.vertex_ai_partner_models.anthropic",
    "litellm.proxy._types",
    "openai.resources.chat.completions",
    "openai.resources.embeddings",
)
_FIRST_STREAM = (  # the same for its first stream: a tokenizer, among others
    "litellm.litellm_core_utils.default_encoding",
    "litellm.types.litellm_core_utils.streaming_chunk_builder_utils",
)
_RECORDS = {  # pydantic builds these when they are first used: here instead, off the event loop
    "litellm.types.utils": (
        "Message Delta Choices StreamingChoices ModelResponse ModelResponseStream Usage "
        "EmbeddingResponse ChatCompletionMessageToolCall"
    ),
    "openai.types": "CreateEmbeddingResponse",
    "openai.types.chat": "ChatCompletion ChatCompletionChunk",
}
LISTENERS = (
    "callbacks",
    "input_callback",
    "success_callback",
    "failure_callback",
    "_async_input_callback",
    "_async_success_callback",
    "_async_failure_callback",
)
"""Where litellm keeps a host's own callbacks."""
_ANSWERS = "cache"
"""What litellm itself puts there, when Gemini is first asked: it exports nothing."""
_NOISE = "Items? '.*' on TypedDict class '.*' (is|are) using the `ReadOnly` qualifier"


def start_import() -> Future[ModuleType]:
    """Start importing litellm, unless that was started before; return at once."""
    return _LITELLM.start()


async def litellm_ready() -> Any:
    """Wait for litellm, and return it.

    Raises:
        UnsupportedError: it is not installed; the message says how to.
    """
    litellm: Any = await _LITELLM.ready()
    heard = any(
        listener != _ANSWERS for name in LISTENERS for listener in getattr(litellm, name, ())
    )
    # Prompts are not exported unless asked. litellm copies all of a call three times to take them
    # out, a tenth of what a call costs: it need not where nobody listens.
    litellm.turn_off_message_logging = heard
    # Nor need it put together for nobody what each call was, and price it: an eighth together.
    internal = getattr(sys.modules.get(CONTEXT), "is_internal_call", None)
    if internal is not None:  # else another version of litellm
        internal.set(not heard)
    return litellm


def _load() -> ModuleType:
    from importlib import import_module

    from llmspell_bridges.llm.closing import close_hub, close_logs, close_ollama, close_redirects
    from llmspell_bridges.llm.unpriced import leave_unheard_unpriced

    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    litellm: Any = import_module("litellm")
    close_logs()
    litellm.disable_hf_tokenizer_download = True  # else counting tokens stalls 23 s offline
    litellm.suppress_debug_info = True  # else it prints advice on stdout
    litellm.telemetry = False
    # `max_retries=0` is not enough: for embeddings litellm takes 0 for "not given".
    litellm.DEFAULT_MAX_RETRIES = 0
    _warm(_FIRST_CALL)
    close_hub()
    close_ollama()
    close_redirects()
    leave_unheard_unpriced()
    _build_records()
    _register_local()
    return litellm  # type: ignore[no-any-return]  # Any, so that its settings can be set


def stream_ready() -> asyncio.Future[None]:
    """Import what streams need besides, off the event loop; wait for it before the first piece."""
    return asyncio.get_running_loop().run_in_executor(None, _warm, _FIRST_STREAM)


def _warm(names: tuple[str, ...]) -> None:
    from importlib import import_module

    for name in names:
        try:
            import_module(name)
        except ModuleNotFoundError:  # another version of litellm: it imports on first use
            continue


def _build_records() -> None:
    import warnings
    from importlib import import_module

    # litellm's own types make pydantic warn on the user's terminal, about litellm
    warnings.filterwarnings("ignore", message=_NOISE, category=UserWarning)
    for module, names in _RECORDS.items():
        for name in names.split():
            record = getattr(import_module(module), name, None)
            if record is not None:
                record.model_rebuild(raise_errors=False)


def _register_local() -> None:
    from llmspell_bridges.local.provider import register

    register()


_LITELLM = BackgroundImport("litellm", _load, "calls of language models")
