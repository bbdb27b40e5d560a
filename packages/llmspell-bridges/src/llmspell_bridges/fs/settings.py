"""What the host configures of the bridge `fs`. No script reaches it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_bridges.policy.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping


class FsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it.

    `root` is where relative paths start (default: the working folder at the start); `protected`
    are the folders that no grant reaches (default: llmspell's own configuration).
    """

    root: str
    protected: tuple[str, ...] | None = None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> FsSettings:
        """Check and take the host's settings.

        Raises:
            ConfigurationError: it names the key that is wrong.
        """
        # the folder is fixed now, whatever the host's working folder is later
        root = os.getcwd()  # noqa: PTH109 - no pathlib on the start path
        return read_settings({"root": root, **data}, cls, "fs")
