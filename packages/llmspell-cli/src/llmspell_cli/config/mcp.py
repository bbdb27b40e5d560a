"""``[mcp.NAME]``: a server that spells may be granted, by its name.

::

    [mcp.github]
    command = "github-mcp-server"        # or url = "https://mcp.example.com/mcp"
    args = ["stdio"]
    env = { GITHUB_TOKEN = { env = "GITHUB_TOKEN" }, LOG_LEVEL = "warning" }

A secret never stands here: a value says where it is, as a provider's `api_key` does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from llmspell_cli.config.resolved import Setting
from llmspell_core.environment import is_credential

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell_cli.config.reader import Reader
    from llmspell_cli.config.resolved import Path

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_OF = {"command": ("args", "env", "cwd"), "url": ("headers", "api_key")}
_SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie")


def check(reader: Reader, path: Path, content: Mapping[str, Any]) -> None:
    """Check what its types do not say of one server.

    Raises:
        ConfigurationError: it names the key.
    """
    if not _NAME.fullmatch(path[1]):
        text = (
            f"bad name {path[1][:60]!r} in `mcp`: expected letters, digits, `_` and `-`, at most 32"
        )
        raise reader.error(text, path)
    given = [key for key in _OF if key in content]
    if len(given) != 1:
        found = " and ".join(given) or "neither"
        name = f"mcp.{path[1]}"
        raise reader.error(f"`{name}` needs one of command and url, got {found}", path)
    (other,) = set(_OF) - set(given)
    for key in _OF[other]:
        if key in content:
            text = f"`mcp.{path[1]}.{key}` goes with `{other}` alone"
            raise reader.error(text, (*path, key))


def meaning(reader: Reader, path: Path, value: Any) -> Any:
    """Turn what a file says of a server into what it means here.

    Raises:
        ConfigurationError: an address is none, or a secret stands in the file.
    """
    key = path[2]
    if key == "url":
        reader.check_address(path, value)
    elif key == "cwd" or (key == "command" and "/" in value):
        return reader.beside(value)
    elif key in ("env", "headers"):
        return {name: _value(reader, (*path, name), it) for name, it in value.items()}
    elif key == "api_key":
        return reader.checked_key(path, value)
    return value


def _value(reader: Reader, path: Path, value: Any) -> Any:
    if not isinstance(value, str):
        return reader.checked_key(path, value)
    name = path[3]
    if is_credential(name) or name.lower() in _SECRET_HEADERS:
        what = f"`mcp.{path[1]}.{path[2]}.{name}` is a secret: say where it is"
        raise reader.error(f'{what}, such as {{ env = "NAME" }}', path)
    return value


def servers(settings: dict[Path, Setting], environ: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Gather the servers by name, as the bridge takes them; their secrets are not read yet."""
    found: dict[str, dict[str, Any]] = {}
    for path, setting in settings.items():
        if path[0] == "mcp":
            value = _with_secrets(path, setting, environ)
            settings[path] = Setting(value, setting.source)
            found.setdefault(path[1], {})[path[2]] = value
    return found


def _with_secrets(path: Path, setting: Setting, environ: Mapping[str, str]) -> Any:
    from llmspell_cli.config.secret import secret

    def made(name: str, value: Any) -> Any:
        where = (*path, name) if name else path
        return secret(value, where, setting.source, environ) if _is_place(value) else value

    if isinstance(setting.value, dict):
        return {name: made(name, value) for name, value in setting.value.items()}
    return made("", setting.value)


def _is_place(value: Any) -> bool:
    return isinstance(value, Struct) and getattr(value, "keyring", None) is not None
