"""What the host configures of the bridge `mcp`: the servers, by name. No script reaches it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import msgspec

from llmspell_bridges.policy.settings import read_settings
from llmspell_core import ConfigurationError
from llmspell_core.environment import is_credential
from llmspell_core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
"""What a server may be called: its tools' names begin with it."""
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_WITH = {"command": ("args", "env", "cwd"), "url": ("headers", "api_key")}


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One server: a `command` that is started, or a `url` that is spoken to.

    Values of `env` and `headers` are texts, or secrets that are read when the server is first
    used; `api_key` is sent as ``Authorization: Bearer …``. `timeout_s` is for the handshake, and
    for each request, in seconds.
    """

    command: str | None = None
    args: tuple[str, ...] = ()
    env: dict[str, Any] = {}
    cwd: str | None = None
    url: str | None = None
    headers: dict[str, Any] = {}
    api_key: Any = None
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=86400)] = 60.0

    @property
    def host(self) -> tuple[str, int]:
        """The host and the port of `url`."""
        parts = urlsplit(self.url or "")
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    def environment(self) -> dict[str, str]:
        """Read the values of `env`. It may take time.

        Raises:
            ConfigurationError: a secret cannot be read, or there is none.
        """
        return _read(self.env)

    def http_headers(self) -> dict[str, str]:
        """Read the values of `headers` and the key. It may take time.

        Raises:
            ConfigurationError: a secret cannot be read, or there is none.
        """
        if self.api_key is None:
            return _read(self.headers)
        key = _read({"api_key": self.api_key})["api_key"]
        return {**_read(self.headers), "Authorization": f"Bearer {key}"}


def read_servers(data: Mapping[str, Any]) -> dict[str, ServerSettings]:
    """Check and take the host's settings: a table for each server, by its name.

    Raises:
        ConfigurationError: it names the key that is wrong.
    """
    return {name: _server(name, table) for name, table in data.items()}


def _server(name: str, table: Any) -> ServerSettings:
    if not NAME.fullmatch(name):
        raise _wrong(name, "its name is letters, digits, `_` and `-`, at most 32 of them")
    if not hasattr(table, "items"):
        raise _wrong(name, "expected a table")
    given = dict(table)
    for key in ("env", "headers"):
        if hasattr(given.get(key), "items"):
            given[key] = {k: _hidden(name, k, v) for k, v in given[key].items()}
    if given.get("api_key") is not None:
        given["api_key"] = _hidden(name, "api_key", given["api_key"])
    settings = read_settings(given, ServerSettings, f"mcp.{name}")
    _check(name, settings)
    return settings


def _check(name: str, settings: ServerSettings) -> None:
    if (settings.command is None) == (settings.url is None):
        raise _wrong(name, "it needs a command or a url, one of them")
    other = "url" if settings.command is not None else "command"
    for key in _WITH[other]:
        if getattr(settings, key):
            raise _wrong(name, f"`{key}` goes with `{other}`")
    for key in settings.headers:
        if not _HEADER.fullmatch(key):
            raise _wrong(name, f"{key[:60]!r} is no name of a header")
    if settings.url is not None:
        _check_url(name, settings.url)


def _check_url(name: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        known = bool(parts.hostname), parts.port != 0
    except ValueError:
        known = False, False
    if (
        not all(known)
        or parts.scheme not in {"http", "https"}
        or re.search(r"[\x00-\x20\x7f]", url)
    ):
        raise _wrong(name, "its url is no address such as https://mcp.example.com/mcp")
    if parts.username is not None or parts.password is not None:
        raise _wrong(name, "its url holds a user or a password: a key belongs in `api_key`")


def _hidden(name: str, key: str, value: Any) -> Any:
    """Take a text or a secret; a text whose name speaks of a secret is one."""
    if isinstance(value, Secret):
        return value
    if isinstance(value, str):
        secret = key == "api_key" or is_credential(key)
        return Secret.of(value, f"{key} of the MCP server {name}") if secret else value
    if hasattr(value, "get_secret_value"):
        return Secret(value.get_secret_value, f"{key} of the MCP server {name}")
    raise _wrong(name, f"the value of {key!r} is no text and no secret")


def _read(values: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for key, value in values.items():
        read = value.get_secret_value() if isinstance(value, Secret) else value
        if read is None:
            text = f"an MCP server needs {key}, and there is nothing in {value.source}"
            raise ConfigurationError(text)
        found[key] = read
    return found


def _wrong(name: str, what: str) -> ConfigurationError:
    text = f"the settings of the MCP server `{name[:60]}` are wrong: {what}"
    return ConfigurationError(text, key=f"mcp.{name[:60]}")
