"""The engines of one runtime: found by name or suffix, started when first needed."""

from __future__ import annotations

import asyncio
import warnings
from typing import TYPE_CHECKING

from llmspell_core.errors import ConfigurationError
from llmspell_core.isolation import in_process
from llmspell_core.registry import installed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llmspell_core.engine import EngineConfig, ScriptEngine


class EngineSet:
    """Starts each engine once; the given classes take the place of installed ones by name."""

    def __init__(self, classes: Iterable[type[ScriptEngine]], config: EngineConfig) -> None:
        """Start nothing yet."""
        self._classes = {cls.info.name: cls for cls in classes}
        self._config = config
        self._started: dict[str, ScriptEngine] = {}
        self._warned: set[str] = set()
        self._starting = asyncio.Lock()

    async def get(self, name: str) -> ScriptEngine:
        """Return the engine called `name`, started.

        Raises:
            ConfigurationError: none is installed by that name; the message lists those that are.
        """
        async with self._starting:
            engine = self._started.get(name)
            if engine is None:
                cls = self._classes.get(name) or self._installed(name)
                engine = self._started[name] = await cls.create(self._config)
            return engine

    async def warn(self, engine: ScriptEngine) -> None:
        """Warn once where scripts were to be kept apart, and the engine keeps them from nothing."""
        accepted = self._config.isolation == "inproc" or self._config.require_lock
        if not (engine.isolates or accepted or engine.name in self._warned):
            self._warned.add(engine.name)
            warnings.warn(in_process(await engine.isolation()), stacklevel=2)

    async def for_suffix(self, suffix: str, file: str) -> ScriptEngine:
        """Return the engine whose suffixes hold `suffix` (with its dot), started.

        Raises:
            ConfigurationError: no installed engine runs such files.
        """
        for cls in self._classes.values():
            if suffix in cls.info.suffixes:
                return await self.get(cls.info.name)
        for plugin in installed("llmspell.engines").values():
            if suffix in plugin.load().info.suffixes:
                return await self.get(plugin.name)
        known = ", ".join(self.suffixes())
        what = f"the suffix `{suffix}`" if suffix else "no suffix"
        text = f"{file} has {what}; installed engines run: {known or 'nothing, none is installed'}"
        raise ConfigurationError(text, file=file)

    def suffixes(self) -> dict[str, str]:
        """Map every suffix that can be run to its engine's name."""
        classes = dict(self._classes)
        for plugin in installed("llmspell.engines").values():
            if plugin.name not in classes:
                classes[plugin.name] = plugin.load()
        return {suffix: name for name, cls in classes.items() for suffix in cls.info.suffixes}

    async def close(self) -> None:
        """Close the engines that were started, the newest first."""
        for engine in reversed(self._started.values()):
            await engine.close()
        self._started.clear()

    def _installed(self, name: str) -> type[ScriptEngine]:
        plugins = installed("llmspell.engines")
        if name not in plugins:
            known = ", ".join(sorted({*plugins, *self._classes})) or "none"
            text = f"no engine named `{name}` is installed; installed: {known}"
            raise ConfigurationError(text, key=name)
        cls: type[ScriptEngine] = plugins[name].load()
        return cls
