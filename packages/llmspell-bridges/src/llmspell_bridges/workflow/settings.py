"""What the host configures of the bridge `workflow`. No script reaches it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import msgspec

from llmspell_bridges.policy.settings import read_settings
from llmspell_core import ConfigurationError
from llmspell_core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

POSTGRES = ("postgres://", "postgresql://")


class WorkflowSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it.

    `checkpoints` is where they are kept: a file, or the URL of a Postgres database, which is a
    secret where it holds a password (default: a file in the user's folder for state). `keep` is
    how many runs are kept: the oldest ones are forgotten.
    """

    checkpoints: Any = None
    keep: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 100

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> WorkflowSettings:
        """Check and take the host's settings.

        Raises:
            ConfigurationError: it names the key that is wrong.
        """
        found = read_settings(data, cls, "workflow")
        place = found.checkpoints
        if place is not None and not isinstance(place, (str, Secret)):
            raise _wrong("a path, or the URL of a Postgres database")
        if isinstance(place, str) and place.startswith(POSTGRES) and urlsplit(place).password:
            raise _wrong('it holds a password: say where it is, as in { env = "NAME" }')
        return found

    def place(self) -> str:
        """Say where checkpoints are kept. It may take time: the place may be a secret.

        Raises:
            ConfigurationError: the secret cannot be read, or there is none.
        """
        if not isinstance(self.checkpoints, Secret):
            return self.checkpoints or default_place()
        found = self.checkpoints.get_secret_value()
        if not found:
            raise _wrong(f"there is nothing in {self.checkpoints.source}")
        return found


def default_place() -> str:
    """Name the file in the user's folder for state; `LLMSPELL_STATE_DIR` moves it."""
    folder = os.environ.get("LLMSPELL_STATE_DIR")
    if not folder:
        base = os.environ.get("XDG_STATE_HOME", "")
        if not base.startswith("/"):  # the XDG specification has relative paths ignored
            mac = sys.platform == "darwin"
            base = os.path.expanduser("~/Library/Application Support" if mac else "~/.local/state")  # noqa: PTH111 - no pathlib on the start path
        folder = os.path.join(base, "llmspell")  # noqa: PTH118 - as above
    return os.path.join(folder, "checkpoints.sqlite")  # noqa: PTH118 - as above


def _wrong(what: str) -> ConfigurationError:
    text = f"the settings of the bridge `workflow` are wrong at `checkpoints`: {what}"
    return ConfigurationError(text, key="checkpoints")
