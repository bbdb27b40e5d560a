"""The installed engines, found by their entry points; each is started once, when it is first needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmspell_core.engine import EngineConfig, ScriptEngine
from llmspell_core.registry import installed
from llmspell_testkit.bridge.speakers import SPEAKERS

if TYPE_CHECKING:
    from llmspell_testkit.bridge.speak import Speaker

_GROUP = "llmspell.engines"
_SPARES_NOTHING = EngineConfig(isolation="inproc", spares=0)


def engine_names() -> list[str]:
    """Name the installed engines."""
    return list(installed(_GROUP))


def speaker_of(name: str) -> Speaker | None:
    """Return what writes scripts for an engine: its contract's, or the testkit's own.

    Raises:
        PluginError: its contract cannot be imported.
    """
    own: Speaker | None = getattr(_contract_of(name), "speaker", None)
    return own or SPEAKERS.get(name)


def remedy(name: str) -> str:
    """Say what is missing of an engine that nobody can write scripts for, and where it belongs."""
    return (
        f"expected a speaker of the engine `{name}`, got none: "
        f"{installed(_GROUP)[name].distribution} has to set `speaker` on the EngineContract that "
        f'it names `{name}` under the entry point "llmspell.contracts", see docs/third-party.md'
    )


def _contract_of(name: str) -> Any:
    shipped = installed("llmspell.contracts").get(name)
    return None if shipped is None else shipped.load()


class Engines:
    """Holds the engines of one event loop; in this process, which is quick and enough for values."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._started: dict[str, ScriptEngine] = {}

    async def get(self, name: str) -> ScriptEngine:
        """Return an engine by name, started: in this process, unless its contract has no such config.

        Raises:
            PluginError: it cannot be imported.
        """
        if name not in self._started:
            cls: type[ScriptEngine] = installed(_GROUP)[name].load()
            configs = {it.isolation: it for it in getattr(_contract_of(name), "configs", ())}
            config = configs.get("inproc") or next(iter(configs.values()), EngineConfig())
            self._started[name] = await cls.create(config)
        return self._started[name]

    async def close(self) -> None:
        """Close those that were started."""
        while self._started:
            _, engine = self._started.popitem()
            await engine.close()
