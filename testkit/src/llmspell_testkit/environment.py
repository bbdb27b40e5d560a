"""`TestEnvironment`: a folder, variables and a configuration for one test; nothing is left of them."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmspell_core.engine import EngineConfig, ScriptEngine
from llmspell_core.errors import ConfigurationError
from llmspell_core.registry import installed
from llmspell_core.runtime import Runtime
from llmspell_testkit.mocks.bridge import MockBridge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from types import TracebackType
    from typing import Self


class TestEnvironment:
    """A temporary folder with a configuration and variables of the environment.

    ::

        with TestEnvironment(env={"OPENAI_API_KEY": "sk-fake"}) as env:
            spell = env.create_script_file("hello.lua", 'return "Hello"')
            async with env.create_engine("lua") as engine:
                assert await engine.execute_file(spell) == "Hello"

    `config` is written to ``llmspell.toml`` in the folder, where the command finds it for spells
    that lie there; the user's own configuration is out of sight. Variables are set in this process
    as long as the block lasts; one that is None is taken away.
    """

    __test__ = False
    """Its name begins like a test's; pytest must not collect it."""

    def __init__(self, *, config: str = "", env: Mapping[str, str | None] | None = None) -> None:
        """Make nothing yet."""
        self._config = config
        self._env = dict(env or {})
        self._stack = ExitStack()
        self.folder = Path()

    def __enter__(self) -> Self:
        """Make the folder, and set the variables."""
        temporary = tempfile.TemporaryDirectory(prefix="llmspell-test-")
        self.folder = Path(self._stack.enter_context(temporary)).resolve()
        if self._config:
            self.config_file.write_text(self._config, encoding="utf-8")
        nowhere = {"LLMSPELL_CONFIG_DIR": str(self.folder / "no-config")}
        for name, value in {**nowhere, **self._env}.items():
            self._stack.callback(_set, name, os.environ.get(name))
            _set(name, value)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Run the clean-up, newest first; then the variables and the folder are as before."""
        self._stack.__exit__(kind, error, traceback)

    @property
    def config_file(self) -> Path:
        """Where the configuration stands, if there is one."""
        return self.folder / "llmspell.toml"

    def on_exit(self, action: Callable[..., Any], *args: Any) -> None:
        """Call ``action(*args)`` on leaving, before the folder goes; the newest first."""
        self._stack.callback(action, *args)

    def create_script_file(self, name: str, text: str) -> Path:
        """Write a file into the folder, with the folders above it, and return its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def files(self) -> dict[str, str]:
        """Return what each file below the folder holds, by its path within."""
        found = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {
            path.relative_to(self.folder).as_posix(): path.read_text(
                encoding="utf-8", errors="replace"
            )
            for path in found
        }

    @asynccontextmanager
    async def create_engine(self, name: str, **config: Any) -> AsyncIterator[ScriptEngine]:
        """Start an installed engine; `config` are the fields of `EngineConfig`.

        Raises:
            ConfigurationError: none is installed by that name.
        """
        async with await engine_class(name).create(EngineConfig(**config)) as engine:
            yield engine

    def create_mock_bridge(self, name: str, **methods: Any) -> MockBridge:
        """Make a `MockBridge` with these answers."""
        return MockBridge(name, methods)

    def create_runtime(self, **options: Any) -> Runtime:
        """Make a runtime whose `fs` starts in the folder; `options` are those of `Runtime`."""
        settings = {"fs": {"root": str(self.folder)}, **options.pop("settings", {})}
        return Runtime(settings=settings, **options)


def engine_class(name: str) -> type[ScriptEngine]:
    """Find the class of an installed engine.

    Raises:
        ConfigurationError: none is installed by that name.
    """
    plugins = installed("llmspell.engines")
    if name not in plugins:
        known = ", ".join(plugins) or "none"
        raise ConfigurationError(f"no engine `{name}` is installed; installed: {known}", key=name)
    found: type[ScriptEngine] = plugins[name].load()
    return found


def _set(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
