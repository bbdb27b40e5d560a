"""``[tools.NAME]``: the settings of one tool, which the tool itself checks.

::

    [tools.web_search]
    provider = "tavily"
    api_key = { env = "TAVILY_API_KEY" }

A secret never stands here: `api_key` says where it is, as a provider's does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmspell_cli.config.resolved import Setting
from llmspell_cli.config.schema import ApiKey
from llmspell_core.environment import is_credential

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell_cli.config.reader import Reader
    from llmspell_cli.config.resolved import Path


def read(reader: Reader, path: Path, content: Any) -> None:
    """Keep the settings of one tool.

    Raises:
        ConfigurationError: it is no table, an address is none, or a secret stands in the file.
    """
    if not isinstance(content, dict):
        raise reader.wrong(path, content, "a table")
    for key, value in content.items():
        reader.values[*path, key] = _meaning(reader, (*path, key), value)


def _meaning(reader: Reader, path: Path, value: Any) -> Any:
    key = path[2]
    if key == "api_key":
        if not isinstance(value, dict):
            expected = 'a place such as { env = "TAVILY_API_KEY" }, never the key itself'
            raise reader.wrong(path, value, expected)
        return reader.checked_key(path, reader.convert(path, value, ApiKey))
    if is_credential(key) and isinstance(value, str):
        what = f"`tools.{path[1]}.{key[:60]}` is a secret: say where it is"
        raise reader.error(f'{what}, with api_key = {{ env = "NAME" }}', path)
    if key == "base_url":
        if not isinstance(value, str):
            raise reader.wrong(path, value, reader.expected(path))
        reader.check_address(path, value)
    return value


def tools(settings: dict[Path, Setting], environ: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Gather the settings by tool, as the tools take them; their secrets are not read yet."""
    found: dict[str, dict[str, Any]] = {}
    for path, setting in settings.items():
        if path[0] == "tools":
            value = setting.value
            if isinstance(value, ApiKey):
                from llmspell_cli.config.secret import secret

                value = secret(value, path, setting.source, environ)
                settings[path] = Setting(value, setting.source)
            found.setdefault(path[1], {})[path[2]] = value
    return found
