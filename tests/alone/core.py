"""llmspell-core alone: a header is read, and an engine and a bridge of one's own run."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from llmspell_core import Bridge, EngineInfo, ScriptEngine, SyncRuntime, method
from llmspell_core.dispatch import call

if TYPE_CHECKING:
    from llmspell_core import Session, Value

SPELL = """\
# /// spell
# [params.name]
# type = "string"
# ///
greet
"""


class Toy(ScriptEngine):
    """Calls the method that the last line names, with the parameter."""

    info = EngineInfo(name="toy", language="Toy", version="1", suffixes=(".toy",), comment="#")

    async def check_syntax(self, script: str, name: str) -> None:
        """Take anything."""

    async def run_script(self, script: str, params: dict[str, Any], session: Session) -> Value:
        """Run the last line."""
        return await call(session, "toy", script.rsplit(maxsplit=1)[-1], [params["name"]])


class ToyBridge(Bridge):
    """Greets."""

    name = "toy"

    @method()
    async def greet(self, name: str) -> str:
        """Greet somebody."""
        return f"Hello {name}"


with TemporaryDirectory() as folder, SyncRuntime(engines=[Toy], bridges=[ToyBridge()]) as runtime:
    spell = Path(folder, "greet.toy")
    spell.write_text(SPELL, encoding="utf-8")
    assert runtime.run_file(spell, {"name": "Ada"}).value == "Hello Ada"
