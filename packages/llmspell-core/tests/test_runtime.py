"""The runtime over a toy engine: what it composes, and how runs end."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, simplefilter

import pytest

from llmspell_core import (
    Bridge,
    ConfigurationError,
    ConversionError,
    InternalError,
    IsolationWarning,
    Permissions,
    Runtime,
    ScriptRuntimeError,
    ScriptSyntaxError,
    SyncRuntime,
    UnsupportedError,
    ValidationError,
    method,
)

sys.path.insert(0, str(Path(__file__).parent))
from toy import ToyEngine

if TYPE_CHECKING:
    from conftest import Demo

    from llmspell_core.isolation import Isolation

pytestmark = pytest.mark.anyio


class Recording(Bridge):
    """Remembers its life."""

    name = "recording"

    def __init__(self, events: list[str]) -> None:
        self.events = events

    async def open(self) -> None:
        self.events.append("open")

    async def close(self) -> None:
        self.events.append("close")

    @method()
    async def note(self, text: str) -> None:
        """Take a note."""
        self.events.append(text)


class PerRun(Recording):
    """The same, but each run has its own."""

    name = "per_run"
    scope = "run"

    def for_run(self, session: Any) -> Bridge:
        self.events.append("for_run")
        return PerRun(self.events)


async def test_a_spell_runs_with_bridges_params_and_logs(demo: Demo) -> None:
    """The result, what it printed, and what it spent come back."""
    logs: list[tuple[str, str]] = []
    async with Runtime(engines=[ToyEngine], bridges=[demo]) as runtime:
        result = await runtime.run(
            'print hi\ncall demo greet ["Ada"]',
            language="toy",
            on_log=lambda level, text: logs.append((level, text)),
        )
        params = await runtime.run("params", {"a": 1}, language="toy")
    assert result.value == "Hello Ada"
    assert result.cost_usd == 0
    assert logs == [("log", "hi")]
    assert params.value == {"a": 1}


async def test_a_files_suffix_chooses_the_engine(tmp_path: Path) -> None:
    """An unknown one is told which exist."""
    (tmp_path / "a.toy").write_text("return 7")
    (tmp_path / "a.rb").write_text("7")
    async with Runtime(engines=[ToyEngine]) as runtime:
        assert (await runtime.run_file(tmp_path / "a.toy")).value == 7
        with pytest.raises(ConfigurationError, match=r"a.rb has the suffix `.rb`; .*\.toy"):
            await runtime.run_file(tmp_path / "a.rb")


async def test_errors_say_where_in_the_script() -> None:
    """A runtime error and a syntax error have the user's own line."""
    async with Runtime(engines=[ToyEngine]) as runtime:
        with pytest.raises(ScriptRuntimeError, match="oh no") as caught:
            await runtime.run("print a\nraise oh no", language="toy", name="x.toy")
        assert str(caught.value.location) == "x.toy:2"
        with pytest.raises(ScriptSyntaxError, match="unknown word 'blah'"):
            await runtime.validate("blah", language="toy")


async def test_bridges_live_as_long_as_their_scope() -> None:
    """A shared bridge opens once; one of scope run opens for each run that uses it."""
    shared: list[str] = []
    own: list[str] = []
    async with Runtime(engines=[ToyEngine], bridges=[Recording(shared), PerRun(own)]) as runtime:
        for name in ("one", "two"):
            script = f'call recording note ["{name}"]\ncall per_run note ["{name}"]'
            await runtime.run(script, language="toy")
    assert shared == ["open", "one", "two", "close"]
    assert own == [
        *("for_run", "open", "one", "close"),
        *("for_run", "open", "two", "close"),
    ]


async def test_a_run_that_fails_closes_its_bridges_too() -> None:
    """Nothing stays open behind an error."""
    own: list[str] = []
    async with Runtime(engines=[ToyEngine], bridges=[PerRun(own)]) as runtime:
        with pytest.raises(ScriptRuntimeError):
            await runtime.run('call per_run note ["x"]\nraise stop', language="toy")
        assert own[-1] == "close"


async def test_the_environment_is_granted_by_name_and_never_a_credential() -> None:
    """A grant of everything still leaves keys and passwords out."""
    environ = {"HOME": "/h", "OPENAI_API_KEY": "sk", "DB_PASSWORD": "p", "EDITOR": "vi"}
    async with Runtime(engines=[ToyEngine], environ=environ) as runtime:
        nothing = await runtime.run("env", language="toy")
        some = await runtime.run("env", language="toy", permissions=Permissions(env=("HOME",)))
        everything = await runtime.run("env", language="toy", permissions=Permissions(env=True))
    assert nothing.value == {}
    assert some.value == {"HOME": "/h"}
    assert everything.value == {"EDITOR": "vi", "HOME": "/h"}


async def test_a_header_types_the_parameters() -> None:
    """Text from a command line becomes what the header declares."""
    script = '# /// spell\n# [params.n]\n# type = "integer"\n# required = true\n# ///\nparams'
    async with Runtime(engines=[ToyEngine]) as runtime:
        assert (await runtime.run(script, {"n": "7"}, language="toy")).value == {"n": 7}
        with pytest.raises(ValidationError, match="missing parameter `n`"):
            await runtime.run(script, language="toy")


async def test_a_parameter_that_cannot_cross_is_refused() -> None:
    """The error names the path."""
    async with Runtime(engines=[ToyEngine]) as runtime:
        with pytest.raises(ConversionError, match=r"params\.a\[1\]"):
            await runtime.run("params", {"a": [1, 2**63]}, language="toy")


async def test_an_engines_mistake_is_internal() -> None:
    """It keeps the exception as its cause."""
    async with Runtime(engines=[ToyEngine]) as runtime:
        with pytest.raises(InternalError, match="the engine `toy` failed") as caught:
            await runtime.run("return {", language="toy")
    assert isinstance(caught.value.__cause__, ValueError)


async def test_an_unknown_language_lists_the_installed_ones() -> None:
    """So does an engine asked for by a wrong name."""
    async with Runtime(engines=[ToyEngine]) as runtime:
        with pytest.raises(ConfigurationError, match=r"no engine named `cobol` is installed.*toy"):
            await runtime.run("x", language="cobol")


async def test_a_runtime_that_is_not_entered_refuses_to_run() -> None:
    """It says how to enter it."""
    with pytest.raises(InternalError, match="async with Runtime"):
        await Runtime(engines=[ToyEngine]).run("return 1", language="toy")


async def test_a_declined_limit_is_refused_not_ignored() -> None:
    """An engine without the capability says so."""
    engine = await ToyEngine.create()
    with pytest.raises(UnsupportedError, match="declines hard_timeout") as caught:
        engine.set_timeout(1.0)
    assert caught.value.capability == "hard_timeout"
    engine.set_timeout(None)


async def test_an_engine_runs_alone_with_registered_bridges(demo: Demo, tmp_path: Path) -> None:
    """The interface of the specification works without a runtime."""
    (tmp_path / "a.toy").write_text('call demo greet ["Bob"]')
    async with await ToyEngine.create() as engine:
        engine.register_bridge(demo)
        assert await engine.execute('call demo greet ["Ada"]') == "Hello Ada"
        assert await engine.execute_file(tmp_path / "a.toy") == "Hello Bob"
        with pytest.raises(ValidationError, match="registered already"):
            engine.register_bridge(demo)
        engine.unregister_bridge("demo")
        with pytest.raises(ValidationError, match="unknown bridge `demo`"):
            await engine.execute('call demo greet ["Ada"]')
        with pytest.raises(ValidationError, match="no bridge named `demo`"):
            engine.unregister_bridge("demo")


def test_the_synchronous_facade_runs_spells(tmp_path: Path) -> None:
    """The same runtime, for programs without an event loop."""
    (tmp_path / "a.toy").write_text("return 7")
    with SyncRuntime(engines=[ToyEngine]) as runtime:
        assert runtime.run_file(tmp_path / "a.toy").value == 7
        assert runtime.run("return 8", language="toy").value == 8
        assert runtime.validate_file(tmp_path / "a.toy").declared is False


async def test_an_engine_in_the_hosts_process_is_refused_where_the_lock_is_required() -> None:
    """`require_lock` fails closed for every engine, whoever made it."""
    async with Runtime(engines=[ToyEngine], require_lock=True) as runtime:
        with pytest.raises(UnsupportedError, match="runs scripts in the host's process"):
            await runtime.run("return 1", language="toy")


@pytest.mark.parametrize(("asked", "warned"), [("locked", 1), ("process", 1), ("inproc", 0)])
async def test_an_engine_without_a_process_warns_once(asked: Isolation, warned: int) -> None:
    """Who asked for a process, or the lock, learns that this engine has neither."""
    async with Runtime(engines=[ToyEngine], isolation=asked) as runtime:
        with catch_warnings(record=True) as caught:
            simplefilter("always")
            for _ in range(2):
                await runtime.run("return 1", language="toy")
    found = [str(it.message) for it in caught if it.category is IsolationWarning]
    assert len(found) == warned
    assert all("kept apart from nothing" in text for text in found)
