"""`TestEnvironment`: what it offers, and that nothing is left of it."""

from __future__ import annotations

import asyncio
import os

import pytest

from llmspell_core import ConfigurationError
from llmspell_testkit import FakeProvider, MockEngine, TestEnvironment


def test_nothing_is_left() -> None:
    """Folder, files and variables are gone afterwards; the clean-up ran before, newest first."""
    seen: list[object] = []
    os.environ["KEPT_VARIABLE"] = "before"
    with TestEnvironment(config="x = 1", env={"KEPT_VARIABLE": "within", "NEW": "1"}) as env:
        env.create_script_file("deep/a.lua", "return 1")
        env.on_exit(seen.append, "first")
        env.on_exit(lambda: seen.append(env.files()))
        assert (os.environ["KEPT_VARIABLE"], os.environ["NEW"]) == ("within", "1")
        folder = env.folder
    assert seen == [{"deep/a.lua": "return 1", "llmspell.toml": "x = 1"}, "first"]
    assert not folder.exists()
    assert os.environ.pop("KEPT_VARIABLE") == "before"
    assert "NEW" not in os.environ


def test_nothing_is_left_after_a_failure() -> None:
    """A test that fails leaves nothing either, and a clean-up that fails does not stop the others."""
    seen: list[str] = []

    def broken() -> None:
        raise OSError("the clean-up failed")

    with pytest.raises(OSError, match="clean-up"), TestEnvironment() as env:  # noqa: PT012 - it is left by failing
        env.on_exit(seen.append, "ran")
        env.on_exit(broken)
        folder = env.folder
        raise KeyError
    assert seen == ["ran"]
    assert not folder.exists()


def test_an_engine_that_is_not_installed_is_an_error() -> None:
    """The error names what is installed."""

    async def start() -> None:
        with TestEnvironment() as env:
            async with env.create_engine("cobol"):
                pass

    with pytest.raises(ConfigurationError, match="no engine `cobol` is installed; installed: "):
        asyncio.run(start())


def test_a_runtime_of_the_environment() -> None:
    """A runtime runs with a mock bridge of the environment."""

    async def run() -> object:
        with TestEnvironment() as env:
            bridge = env.create_mock_bridge("search", find=["a"])
            engine = MockEngine.scripted({"it": 1})
            async with env.create_runtime(
                bridges=[bridge], engines=[engine], isolation="inproc"
            ) as runtime:
                return (await runtime.run("it", language="mock")).value

    assert asyncio.run(run()) == 1


def test_fixtures(fake_provider: FakeProvider, llmspell_environment: TestEnvironment) -> None:
    """The plugin gives a running provider and an environment to any test that names them."""
    assert fake_provider.url.startswith("http://127.0.0.1:")
    assert llmspell_environment.folder.is_dir()
