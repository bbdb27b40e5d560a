"""Reading the host's settings of one bridge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from llmspell_core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


def read_settings(data: Mapping[str, Any], kind: type[T], bridge: str) -> T:
    """Check `data` strictly and make a `kind` of it.

    Raises:
        ConfigurationError: it names the key that is wrong.
    """
    try:
        return msgspec.convert(dict(data), kind)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$.")
        key = path.rstrip("`")
        where = f" at `{key}`" if key else ""
        text = f"the settings of the bridge `{bridge}` are wrong{where}: {what}"
        raise ConfigurationError(text, key=key or None) from None
