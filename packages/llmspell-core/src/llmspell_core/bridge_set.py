"""The bridges of one runtime: given ones and installed ones, opened when first needed."""

from __future__ import annotations

import asyncio
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from llmspell_core.registry import installed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from llmspell_core.bridge import Bridge
    from llmspell_core.registry import Plugin


class BridgeSet:
    """Opens each bridge once; the given ones take the place of installed ones by name."""

    def __init__(
        self, bridges: Iterable[Bridge], settings: Mapping[str, Mapping[str, Any]]
    ) -> None:
        """Open nothing yet; `settings` are for installed bridges, by name."""
        self.settings = settings
        self._given = {bridge.name: bridge for bridge in bridges}
        self._open: dict[str, Bridge] = {}
        self._opening = asyncio.Lock()

    async def for_spell(self, texts: Sequence[str]) -> dict[str, Bridge]:
        """Open the bridges that a spell names; an installed one that it never names stays closed.

        Importing a bridge costs time and memory, so a spell pays only for what it mentions.
        """
        plugins = installed("llmspell.bridges")
        names = {name for name in plugins if _mentioned(name, texts)} | set(self._given)
        async with self._opening:
            for name in sorted(names - set(self._open)):
                bridge = self._given.get(name) or self._make(plugins[name])
                if bridge.scope == "runtime":
                    await bridge.open()
                self._open[name] = bridge
        return {name: self._open[name] for name in sorted(names)}

    async def close(self) -> None:
        """Close the bridges that were opened, the newest first."""
        for bridge in reversed(self._open.values()):
            if bridge.scope == "runtime":
                await bridge.close()
        self._open.clear()

    def _make(self, plugin: Plugin) -> Bridge:
        cls: type[Bridge] = plugin.load()
        return cls.from_settings(self.settings.get(plugin.name, {}))


def _mentioned(name: str, texts: Iterable[str]) -> bool:
    """Say whether a spell's text has `name` as a word of its own."""
    return any(name in text and _word(name).search(text) for text in texts)


@cache
def _word(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.]){re.escape(name)}(?!\w)")
