"""Installed engines, bridges and other plugins, found through entry points without importing them.

`importlib.metadata` takes 25 ms to import, half of a cold start; what is needed of it here, the
``entry_points.txt`` of each installed distribution, is read directly.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core.errors import ConfigurationError, PluginError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GROUPS = (
    "llmspell.engines",
    "llmspell.bridges",
    "llmspell.tools",
    "llmspell.commands",
    "llmspell.policies",
    "llmspell.contracts",
)


class Plugin(msgspec.Struct, frozen=True, kw_only=True):
    """One entry point: its name, the ``module:attribute`` it names, and whose it is."""

    group: str
    name: str
    target: str
    distribution: str

    def load(self) -> Any:
        """Import what the entry point names.

        Raises:
            PluginError: it cannot be imported; the message names the distribution.
        """
        from importlib import import_module

        module, _, attribute = self.target.partition(":")
        try:
            found: Any = import_module(module)
            for part in attribute.split("."):
                found = getattr(found, part)
        except Exception as error:
            text = (
                f"the plugin `{self.name}` of the distribution {self.distribution} "
                f"cannot be loaded: {type(error).__name__}: {error}"
            )
            raise PluginError(text, distribution=self.distribution) from error
        return found


def installed(group: str, path: Sequence[str] | None = None) -> dict[str, Plugin]:
    """List the plugins of `group` by name, importing none.

    The first distribution on the path wins, as it does for imports.

    Raises:
        ConfigurationError: two distributions offer the same name.
    """
    return dict(_by_name(group, tuple(sys.path if path is None else path)))


@cache
def _by_name(group: str, path: tuple[str, ...]) -> dict[str, Plugin]:
    found: dict[str, Plugin] = {}
    for plugin in _scan(path):
        if plugin.group != group:
            continue
        other = found.setdefault(plugin.name, plugin)
        if other.distribution != plugin.distribution:
            text = (
                f"both {other.distribution} and {plugin.distribution} offer `{plugin.name}` "
                f"in {group}; uninstall one"
            )
            raise ConfigurationError(text)
    return found


@cache
def _scan(path: tuple[str, ...]) -> list[Plugin]:
    """Read every distribution's entry points once per search path."""
    seen: set[str] = set()
    return [
        plugin
        for folder in path
        for distribution, file in _files(folder or ".", seen)
        for plugin in _read(file, distribution)
    ]


def _files(folder: str, seen: set[str]) -> Iterator[tuple[str, str]]:
    try:
        names = os.listdir(folder)  # noqa: PTH208 - pathlib costs 5 ms here
    except OSError:
        return
    for entry in sorted(names):
        if entry.endswith((".dist-info", ".egg-info")):
            distribution = entry.rsplit(".", 1)[0].rsplit("-", 1)[0].replace("_", "-").lower()
            if distribution not in seen:
                seen.add(distribution)
                yield distribution, f"{folder}/{entry}/entry_points.txt"


def _read(file: str, distribution: str) -> Iterator[Plugin]:
    try:
        with open(file, encoding="utf-8") as stream:  # noqa: PTH123 - pathlib costs 5 ms here
            text = stream.read()
    except OSError:
        return
    if "[llmspell." not in text:
        return
    group = ""
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("["):
            group = line.strip("[]")
        elif "=" in line and group in GROUPS:
            name, _, target = (part.strip() for part in line.partition("="))
            yield Plugin(group=group, name=name, target=target, distribution=distribution)
