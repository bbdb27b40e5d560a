"""The interface of a script engine.

Implement three things and it runs spells::

class MyEngine(ScriptEngine):
    info = EngineInfo(name="my", language="My", version="1.0", suffixes=(".my",))

    async def run_script(self, script, params, session): ...
    async def check_syntax(self, script, name): ...
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from llmspell_core.errors import UnsupportedError, ValidationError
from llmspell_core.isolation import Isolation, IsolationReport, lock_required
from llmspell_core.limits import Limits
from llmspell_core.session import Session
from llmspell_core.source import read_source
from llmspell_core.values import check_value

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from llmspell_core.bridge import Bridge
    from llmspell_core.values import Value

CAPABILITIES: dict[str, str] = {
    "int64": "integers of 64 bits keep their value",
    "binary": "bytes that are no text can be held",
    "stdlib": "the library of `json`, `math` and `util` is there, whole",
    "callbacks": "script functions can be passed to bridges",
    "concurrency": "one spell can have many calls in flight",
    "handles": "bridges can return objects with methods",
    "streams": "answers can be read item by item, and left early",
    "text_records": "a text can carry named fields",
    "builders": "objects can be composed in the script and sent whole",
    "hard_timeout": "any script ends when its wall clock is over",
    "memory_limit": "a script cannot allocate more than it may",
    "includes": "a spell can require other spells",
}
"""What an engine may offer, as nouns: the contract holds it to what it claims, and to refuse the rest."""

TRAITS: dict[str, str] = {
    "bytes": "bytes and text are told apart",
    "float_identity": "1.0 and 1 are told apart",
    "invalid_text": "a text may hold what is no valid Unicode",
    "catching": "a script can catch an error and go on",
    "thrown_values": "a script can raise any value, which the error keeps",
    "dynamic_names": "a script can ask whether a name exists",
}
"""What a language has or lacks by itself, as nouns that are no capability's: it can be shown, not refused."""


class EngineInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine says of itself: `language` as people write it, `suffixes` with the dot.

    `capabilities` are nouns of `CAPABILITIES`, `traits` nouns of `TRAITS`.
    """

    name: str
    language: str
    version: str
    suffixes: tuple[str, ...]
    comment: str = "//"
    capabilities: frozenset[str] = frozenset()
    traits: frozenset[str] = frozenset()


class EngineConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How to run an engine: the isolation asked for, and workers kept ready for the next run.

    `one_shot` says that there will be one run: it starts sooner, and a second one later.
    """

    isolation: Isolation = "locked"
    require_lock: bool = False
    spares: int = 1
    one_shot: bool = False
    limits: Limits = Limits()


class ScriptEngine(ABC):
    """Runs scripts of one language. Use it as ``async with await LuaEngine.create() as engine:``."""

    info: ClassVar[EngineInfo]
    isolates: ClassVar[bool] = False
    """Whether each script gets a process of its own, whose lock the engine checks by itself."""

    def __init__(self, config: EngineConfig | None = None) -> None:
        """Keep the configuration; acquire nothing yet."""
        self.config = config or EngineConfig()
        self.limits = self.config.limits
        self.bridges: dict[str, Bridge] = {}

    @classmethod
    async def create(cls, config: EngineConfig | None = None) -> Self:
        """Make an engine and start what it needs."""
        engine = cls(config)
        await engine.start()
        return engine

    async def start(self) -> None:
        """Acquire what the engine needs to run; called once."""

    async def close(self) -> None:
        """Release it, ending what still runs; called once."""

    async def __aenter__(self) -> Self:
        """Enter an engine that `create` has started."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the engine."""
        await self.close()

    async def isolation(self) -> IsolationReport:
        """Say how scripts are kept apart: in the host's process, unless an engine does better."""
        text = f"the engine `{self.name}` runs scripts in the host's process"
        return IsolationReport(level="inproc", reason=text)

    @property
    def name(self) -> str:
        """The engine's name, such as ``lua``."""
        return self.info.name

    @abstractmethod
    async def run_script(self, script: str, params: dict[str, Any], session: Session) -> Value:
        """Run `script` and return its result; every call it makes goes to `dispatch.call`.

        Raises:
            LlmspellError: the script's failure, or the limit it hit.
        """

    @abstractmethod
    async def check_syntax(self, script: str, name: str) -> None:
        """Parse `script` and run nothing of it.

        Raises:
            ScriptSyntaxError: its location is in the script's own line numbers.
        """

    async def execute(
        self,
        script: str,
        params: Mapping[str, Value] | None = None,
        *,
        session: Session | None = None,
    ) -> Value:
        """Run `script` with `params` and return its result.

        Without a `session` it runs in one of its own, with the registered bridges and limits.

        Raises:
            ConversionError: a parameter is not a script value.
            UnsupportedError: the lock is required, and this engine has none.
            LlmspellError: whatever ended the script.
        """
        if self.config.require_lock and not self.isolates:
            raise lock_required((await self.isolation()).reason)
        given = dict(params or {})
        check_value(given, path="params")
        if session is not None:
            return await self.run_script(script, given, session)
        own = Session(bridges=self.bridges, limits=self.limits, name=self.default_name)
        try:
            return await self.run_script(script, given, own)
        finally:
            await own.close()

    @property
    def default_name(self) -> str:
        """What a script without a file is called in errors."""
        return "spell" + (self.info.suffixes[0] if self.info.suffixes else "")

    async def execute_file(
        self, path: str | Path, params: Mapping[str, Value] | None = None
    ) -> Value:
        """Run the script in the file `path`; see `execute`."""
        source = read_source(path)
        own = Session(bridges=self.bridges, limits=self.limits, name=source.name)
        try:
            return await self.execute(source.text, params, session=own)
        finally:
            await own.close()

    async def validate_syntax(self, script: str, name: str | None = None) -> None:
        """Parse `script` and run nothing of it.

        Raises:
            ScriptSyntaxError: its location is in the script's own line numbers.
        """
        await self.check_syntax(script, name or self.default_name)

    def register_bridge(self, bridge: Bridge, name: str | None = None) -> None:
        """Offer `bridge` to scripts; the caller opens and closes it.

        Raises:
            ValidationError: the name is taken.
        """
        chosen = name or bridge.name
        if chosen in self.bridges:
            text = f"a bridge named `{chosen}` is registered already"
            raise ValidationError(text)
        self.bridges[chosen] = bridge

    def unregister_bridge(self, name: str) -> None:
        """Take a bridge away again.

        Raises:
            ValidationError: no bridge has that name.
        """
        if self.bridges.pop(name, None) is None:
            text = f"no bridge named `{name}` is registered"
            raise ValidationError(text)

    def set_memory_limit(self, memory_bytes: int | None) -> None:
        """Limit what later scripts may allocate, in bytes; None is unlimited.

        Raises:
            UnsupportedError: this engine cannot hold it.
        """
        self._needs("memory_limit", memory_bytes)
        self.limits = msgspec.structs.replace(self.limits, memory_bytes=memory_bytes)

    def set_timeout(self, timeout_s: float | None) -> None:
        """Limit the wall clock of later scripts, in seconds; None is unlimited.

        Raises:
            UnsupportedError: this engine cannot hold it.
        """
        self._needs("hard_timeout", timeout_s)
        self.limits = msgspec.structs.replace(self.limits, timeout_s=timeout_s)

    @property
    def capabilities(self) -> frozenset[str]:
        """What this engine offers as configured; `inproc` declines the hard limits."""
        offered = self.info.capabilities
        if self.config.isolation == "inproc":
            offered -= {"hard_timeout", "memory_limit"}
        return offered

    @property
    def nouns(self) -> frozenset[str]:
        """All that can be asked of this engine: its capabilities, and its language's traits."""
        return self.capabilities | self.info.traits

    def declined(self, capability: str) -> UnsupportedError:
        """Make the error that refuses what needs `capability`, which this engine declines."""
        how = f" at isolation `{self.config.isolation}`" * (capability in self.info.capabilities)
        why = f"it declines {capability} ({CAPABILITIES[capability]})"
        text = f"the engine `{self.name}`{how} cannot do this: {why}"
        return UnsupportedError(text, capability=capability)

    def _needs(self, capability: str, value: object) -> None:
        if value is not None and capability not in self.capabilities:
            raise self.declined(capability)


__all__ = ["CAPABILITIES", "TRAITS", "EngineConfig", "EngineInfo", "Isolation", "ScriptEngine"]
