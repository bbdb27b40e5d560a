"""What the host configures of the bridge `llm`: models, providers, prices. No script reaches it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import msgspec

from llmspell_core import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_MODEL = "local/smollm2"
DEFAULT_EMBEDDING_MODEL = "local/minilm"
DEFAULT_TIMEOUT_S = 300.0

_SERVED_HERE = {"ollama", "ollama_chat", "llamafile"}
"""Providers that litellm looks for on this machine unless told otherwise."""


class Provider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One provider; `timeout_s` is seconds without an answer, or between two parts of a stream.

    `max_retries` is how often a call is tried again after an error that may pass; 0 unless set.
    """

    base_url: str | None = None
    api_key: str | None = None
    timeout_s: float | None = None
    max_retries: Annotated[int, msgspec.Meta(ge=0, le=99)] | None = None

    def __repr__(self) -> str:
        """Show everything but the key."""
        key = "None" if self.api_key is None else "'***'"
        shown = f"base_url={self.base_url!r}, api_key={key}, timeout_s={self.timeout_s}"
        return f"Provider({shown}, max_retries={self.max_retries})"


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
            return msgspec.convert(_revealed(data), cls)
        except msgspec.ValidationError as error:
            what, _, path = str(error).partition(" - at `$.")
            key = path.rstrip("`")
            where = f" at `{key}`" if key else ""
            text = f"the settings of the bridge `llm` are wrong{where}: {what}"
            raise ConfigurationError(text, key=key or None) from None

    def provider(self, name: str) -> Provider:
        """Return what is configured of a provider, the environment's base URL included."""
        found = self.providers.get(name, Provider())
        if found.base_url is None:
            prefix = name.upper().replace("-", "_")
            for variable in (f"{prefix}_BASE_URL", f"{prefix}_API_BASE"):
                if os.environ.get(variable):
                    return msgspec.structs.replace(found, base_url=os.environ[variable])
        return found


def served_from_loopback(name: str, provider: Provider) -> bool:
    """Say whether the provider's requests stay on this machine."""
    if provider.base_url is None:
        return name in _SERVED_HERE
    host = (urlsplit(provider.base_url).hostname or "").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _revealed(value: Any) -> Any:
    """Open secrets: this is where they are used."""
    if hasattr(value, "get_secret_value"):
        return value.get_secret_value()
    if isinstance(value, dict) or hasattr(value, "items"):
        return {key: _revealed(item) for key, item in value.items()}
    return value
