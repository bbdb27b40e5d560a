"""The settings that hold, and where each came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_cli.config.files import user_config_dir
from llmspell_cli.config.provider import Provider
from llmspell_core.budget import Budget
from llmspell_core.limits import Limits
from llmspell_core.permissions import Permissions

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_MODEL = "local/smollm2"

Path = tuple[str, ...]


class Setting(msgspec.Struct, frozen=True):
    """A value and its source: ``option --timeout``, ``llmspell.toml:12``, ``default``."""

    value: Any
    source: str


class Ignored(msgspec.Struct, frozen=True, kw_only=True):
    """A setting of a project's file that has no effect while the file is not trusted."""

    path: tuple[str, ...]
    value: Any
    source: str


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """All settings, each by its path in a file; `warnings` are sentences for the user.

    `models` are the aliases. Of prices and embeddings only what somebody set is here.
    """

    settings: dict[tuple[str, ...], Setting]
    limits: Limits
    budget: Budget
    permissions: Permissions
    models: dict[str, str]
    providers: dict[str, Provider]
    mcp: dict[str, dict[str, Any]] = {}
    tools: dict[str, dict[str, Any]] = {}
    workflow: dict[str, Any] = {}
    ignored: tuple[Ignored, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def default_model(self) -> str:
        """The model of calls that name none."""
        return str(self.settings["models", "default"].value)

    def bridge_settings(self) -> dict[str, dict[str, Any]]:
        """Give what `Runtime` hands to its bridges; keys are read when the bridge opens."""
        llm: dict[str, Any] = {
            "default_model": self.default_model,
            "aliases": dict(self.models),
            "providers": {name: it.settings() for name, it in self.providers.items()},
        }
        embedding = self.settings.get(("models", "default_embedding"))
        if embedding is not None:
            llm["default_embedding_model"] = embedding.value
        if prices := named(self.settings, "prices"):
            llm["prices"] = prices
        # what the user trusts is kept there: no bridge may write to it
        folder = user_config_dir()
        fs = {"protected": [folder]} if folder else {}
        others = {"mcp": self.mcp, "tools": self.tools, "workflow": self.workflow}
        return {"llm": llm, "fs": fs, **others}


def named(settings: Mapping[Path, Setting], section: str) -> dict[str, dict[str, Any]]:
    """Gather a section's settings by the name that is the second part of their path."""
    found: dict[str, dict[str, Any]] = {}
    for path, setting in settings.items():
        if path[0] == section:
            found.setdefault(path[1], {})[path[2]] = setting.value
    return found
