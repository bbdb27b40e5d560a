"""What litellm does besides asking providers, closed: it looks things up, and it logs."""

from __future__ import annotations

import logging
import sys
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

from llmspell_core.redact import redactor

if TYPE_CHECKING:
    from collections.abc import Callable

_HUB = "litellm.litellm_core_utils.prompt_templates.huggingface_template_handler"
_FETCHERS = ("get_tokenizer_config", "get_chat_template_file")
_HANDLERS = "litellm.llms.custom_httpx.http_handler"
_CREATORS = (
    (_HANDLERS, "AsyncHTTPHandler", ("create_client",)),
    (_HANDLERS, "HTTPHandler", ("create_client", "_create_client")),
    ("litellm.llms.openai.common_utils", "BaseOpenAILLM", ("_get_async_http_client",)),
)
"""What makes litellm's HTTP clients."""
_LOGGERS = (
    *("LiteLLM", "LiteLLM Proxy", "LiteLLM Router", "asyncio", "openai", "openai._base_client"),
    *("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy"),
    *("aiohttp.client", "aiohttp.internal", "botocore", "urllib3.connectionpool"),
)


def close_hub() -> None:
    """Keep litellm from fetching the template of a model that a script names, and running it.

    For some providers it asks huggingface.co for ``MODEL/raw/main/…`` and renders what comes, a
    program of whoever owns that name, on the event loop. Without, it uses its own template.
    """
    try:
        hub: Any = import_module(_HUB)
    except ModuleNotFoundError:  # another version of litellm: the test of its connections tells
        return
    modules = [it for name, it in sys.modules.items() if name.startswith("litellm.")]
    for fetcher in _FETCHERS:
        for name, instead in ((fetcher, _nothing), (f"a{fetcher}", _nothing_later)):
            before = getattr(hub, name, None)
            for module in modules:
                for alias in (name, f"_{name}"):
                    if before is not None and vars(module).get(alias) is before:
                        setattr(module, alias, instead)


def close_redirects() -> None:
    """Keep what is sent to a provider from going anywhere else because that provider says so.

    litellm would follow with the headers in which Anthropic, Google and Azure take their keys.
    """
    for module, owner, creators in _CREATORS:
        try:
            holder: Any = getattr(import_module(module), owner, None)
        except ModuleNotFoundError:  # another version of litellm, as above
            continue
        for name in creators:
            made = vars(holder).get(name) if holder is not None else None
            if isinstance(made, staticmethod):
                setattr(holder, name, staticmethod(_staying(made.__func__)))
            elif made is not None:
                setattr(holder, name, _staying(made))


def _staying(create: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(create)
    def created(*args: Any, **named: Any) -> Any:
        client = create(*args, **named)
        if client is not None:
            client.follow_redirects = False
        return client

    return created


def close_ollama() -> None:
    """Keep litellm from asking this machine's port 11434 about a model, whose server it may not be.

    It would do so at each call, with Ollama's key, and the event loop would wait.
    """
    try:
        ollama: Any = import_module("litellm.llms.ollama.common_utils")
    except ModuleNotFoundError:  # another version of litellm, as above
        return
    for info in vars(ollama).values():
        if isinstance(info, type) and hasattr(info, "get_runtime_model_info"):
            info.get_runtime_model_info = _ollama_model


def _ollama_model(_: Any, model: str, **__: Any) -> dict[str, Any]:
    """Describe a model as litellm does where nobody answers, with tools: the server knows better."""
    return {
        "key": model.partition("/")[2] or model,
        "litellm_provider": "ollama",
        "mode": "chat",
        "supports_function_calling": True,
        "input_cost_per_token": 0.0,
        "output_cost_per_token": 0.0,
        "max_tokens": None,
        "max_input_tokens": None,
        "max_output_tokens": None,
    }


def _nothing(hf_model_name: str) -> NoReturn:
    # raised, not answered: litellm would keep an answer for good, under every name a spell makes up
    raise LookupError(f"no template is fetched for {hf_model_name}")


async def _nothing_later(hf_model_name: str) -> NoReturn:
    _nothing(hf_model_name)


class _Redacting(logging.Filter):
    """Takes keys out of a record, whoever handles it and however it is formatted."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, with its text made up."""
        try:
            record.msg, record.args = redactor.foreign(record.getMessage()), None
        except Exception:  # noqa: BLE001 - a mistake in somebody's log call: handlers tell it
            record.msg, record.args = redactor.foreign(str(record.msg)), None
        if record.exc_info:
            told = logging.Formatter().formatException(record.exc_info)
            record.exc_text = redactor.foreign(told)
        return True


def close_logs() -> None:
    """Keep keys out of what litellm and the libraries below it log, in whichever host."""
    redacting = _Redacting()
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(redacting)
