"""The installed engines, found by their entry points; each is started once, when it is first needed."""

from __future__ import annotations

from llmspell_core.engine import EngineConfig, ScriptEngine
from llmspell_core.registry import installed
from llmspell_testkit.bridge.speak import SPEAKERS


def engine_names() -> list[str]:
    """Name the installed engines whose language the contract speaks."""
    return [name for name in installed("llmspell.engines") if name in SPEAKERS]


class Engines:
    """Holds the engines of one event loop; in this process, which is quick and enough for values."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._started: dict[str, ScriptEngine] = {}

    async def get(self, name: str) -> ScriptEngine:
        """Return an engine by name, started."""
        if name not in self._started:
            cls: type[ScriptEngine] = installed("llmspell.engines")[name].load()
            self._started[name] = await cls.create(EngineConfig(isolation="inproc"))
        return self._started[name]

    async def close(self) -> None:
        """Close those that were started."""
        while self._started:
            _, engine = self._started.popitem()
            await engine.close()
