"""A real engine whose answers are spoiled is caught by comparing, and shown by a small case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core.engine import EngineConfig
from llmspell_engines.javascript import JavaScriptEngine
from llmspell_engines.lua import LuaEngine
from llmspell_testkit.differential import Comparing, value_programs
from llmspell_testkit.loader import load_cases

if TYPE_CHECKING:
    from pathlib import Path

    from llmspell_core.session import Session
    from llmspell_core.values import Value


class Anglicizing(LuaEngine):
    """Loses what is no ASCII in every text of a result."""

    async def run_script(self, script: str, params: dict[str, Any], session: Session) -> Value:
        value: Any = await super().run_script(script, params, session)
        texts = [str(it).encode("ascii", "ignore").decode() for it in value]
        return [text if isinstance(it, str) else it for it, text in zip(value, texts, strict=True)]


def test_a_spoiled_engine_is_caught(tmp_path: Path) -> None:
    """The smallest text that is no ASCII is found; the case has both languages, and can be loaded."""
    config = EngineConfig(isolation="inproc")
    with (
        Comparing([Anglicizing, JavaScriptEngine], config=config) as comparing,
        pytest.raises(AssertionError, match=r'lua differs.*\n.* text "\\x80" ≠ text ""') as caught,
    ):
        comparing.hold(value_programs, examples=400)
    file = tmp_path / "pasted.toml"
    pasted = str(caught.value).partition("for a file of cases:\n\n")[2]
    file.write_text(f'topic = "found"\nsince = "0.1"\n\n{pasted}', encoding="utf-8")
    assert set(load_cases([file])["found"].source) == {"lua", "javascript"}
