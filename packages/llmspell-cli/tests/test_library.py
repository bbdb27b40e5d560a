"""`import llmspell_cli`: the library surface for those who install only the command."""

from __future__ import annotations

import subprocess
import sys

import pytest

import llmspell_cli
import llmspell_core


def test_every_public_name_of_core_is_here() -> None:
    """Each name is the very same object, and the list is the same."""
    assert llmspell_cli.__all__ == llmspell_core.__all__
    for name in llmspell_cli.__all__:
        assert getattr(llmspell_cli, name) is getattr(llmspell_core, name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """What is not there says so."""
    with pytest.raises(AttributeError, match="nonsense"):
        _ = llmspell_cli.nonsense


def test_importing_it_imports_little() -> None:
    """Importing the package neither imports click nor the runtime."""
    code = "import llmspell_cli, sys; print({'click', 'asyncio', 'msgspec'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "set()\n"


def test_five_lines_embed_it() -> None:
    """A spell runs from a program without an event loop of its own."""
    with llmspell_cli.SyncRuntime(isolation="process") as runtime:
        assert runtime.run("return params.a + 1", {"a": 1}).value == 2
