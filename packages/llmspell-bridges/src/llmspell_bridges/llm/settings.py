"""What the host configures of the bridge `llm`: models, providers, prices. No script reaches it."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import msgspec

from llmspell_core import ConfigurationError
from llmspell_core.redact import redactor
from llmspell_core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_MODEL = "local/smollm2"
DEFAULT_EMBEDDING_MODEL = "local/minilm"
DEFAULT_TIMEOUT_S = 300.0

SERVED_HERE = ("llamafile", "ollama")
"""Providers that litellm looks for on this machine unless told otherwise."""
_SAME = {  # litellm's second name for a provider: the same company, key and address
    "ai21_chat": "ai21",
    "anthropic_text": "anthropic",
    "azure_text": "azure",
    "bedrock_converse": "bedrock",
    "bedrock_mantle": "bedrock",
    "cohere_chat": "cohere",
    "ollama_chat": "ollama",
    "sagemaker_chat": "sagemaker",
    "sagemaker_nova": "sagemaker",
    "text-completion-codestral": "codestral",
    "text-completion-inception": "inception",
    "text-completion-openai": "openai",
    "vertex_ai_beta": "vertex_ai",
    "watsonx_text": "watsonx",
}


class Provider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One provider; `timeout_s` is seconds without an answer, or between two parts of a stream.

    `max_retries` is how often a call is tried again after an error that may pass; 0 unless set.
    """

    base_url: str | None = None
    api_key: Secret | None = None
    timeout_s: float | None = None
    max_retries: Annotated[int, msgspec.Meta(ge=0, le=99)] | None = None


class StatedPrice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model's price as the host states it, in US dollars per million tokens."""

    input_usd: float
    output_usd: float = 0.0


class CacheSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Answers kept on disk: for which calls, for how many seconds (None: any), how many bytes."""

    always: bool = False
    ttl_s: Annotated[float, msgspec.Meta(gt=0)] | None = None
    max_bytes: Annotated[int, msgspec.Meta(ge=0)] = 256 * 1024 * 1024


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it; `aliases` and `prices` are by model name, `providers` by provider name."""

    default_model: str | None = None
    default_embedding_model: str | None = None
    aliases: dict[str, str] = {}
    providers: dict[str, Provider] = {}
    prices: dict[str, StatedPrice] = {}
    cache: CacheSettings = CacheSettings()

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Settings:
        """Check and take the host's settings.

        Raises:
            ConfigurationError: it names the key that is wrong.
        """
        try:
            settings = msgspec.convert(_hidden(data), cls, dec_hook=_secret)
        except msgspec.ValidationError as error:
            what, _, path = str(error).partition(" - at `$.")
            key = path.rstrip("`")
            where = f" at `{key}`" if key else ""
            text = f"the settings of the bridge `llm` are wrong{where}: {what}"
            raise ConfigurationError(text, key=key or None) from None
        for name, provider in settings.providers.items():
            redactor.learn(urlsplit(provider.base_url or "").password, f"password of {name}")
        return settings

    def provider(self, name: str) -> Provider:
        """Return what is configured of a provider, the environment's base URL included.

        A second name of litellm's for it means the same: no spell goes round the host's address.
        """
        name = name if name in self.providers else company(name)
        found = self.providers.get(name, Provider())
        if found.base_url is None:
            prefix = name.upper().replace("-", "_")
            for variable in (f"{prefix}_BASE_URL", f"{prefix}_API_BASE"):
                if url := os.environ.get(variable):
                    return msgspec.structs.replace(found, base_url=url)
        return found


def served_from_loopback(name: str, provider: Provider) -> bool:
    """Say whether the provider's requests stay on this machine."""
    if provider.base_url is None:
        return company(name) in SERVED_HERE
    return _on_loopback(provider.base_url)


@lru_cache(maxsize=64)
def _on_loopback(url: str) -> bool:
    host = (urlsplit(url).hostname or "").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def company(provider: str) -> str:
    """Name who is behind a provider's name."""
    return _SAME.get(provider, provider)


def _hidden(data: Mapping[str, Any]) -> dict[str, Any]:
    """Wrap the keys that the host gave as texts, or in another library's secrets."""
    settings = dict(data)
    providers = settings.get("providers")
    if hasattr(providers, "items"):
        settings["providers"] = {k: _hidden_in(k, v) for k, v in providers.items()}  # type: ignore[union-attr] # it has items
    return settings


def _hidden_in(name: str, provider: Any) -> Any:
    key = provider.get("api_key") if hasattr(provider, "items") else None
    if isinstance(key, str):
        return {**provider, "api_key": Secret.of(key, f"key of {name}")}
    if key is not None and not isinstance(key, Secret) and hasattr(key, "get_secret_value"):
        secret = Secret(key.get_secret_value, f"key of {name}")
        return {**provider, "api_key": secret}
    return dict(provider) if hasattr(provider, "items") else provider


def _secret(hint: type, value: object) -> object:
    """Take a secret as it is; msgspec asks for every type that it does not know."""
    if isinstance(value, hint):
        return value
    raise TypeError(f"Expected `str`, got `{type(value).__name__}`")
