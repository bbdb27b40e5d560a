"""When pydantic-ai is imported, and what happens where it is not installed."""

from __future__ import annotations

import subprocess
import sys


def _run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_no_library_of_agents_is_imported_before_one_is_made() -> None:
    """What `llmspell info` needs costs no library; nor does a spell without agents."""
    code = """
import sys
from llmspell_bridges.llm import LlmBridge
from llmspell_bridges.tools import ToolsBridge
LlmBridge.manifest(), ToolsBridge.manifest()
print({"pydantic_ai", "pydantic", "jsonschema", "llmspell_bridges.agent"} & set(sys.modules))
"""
    assert _run(code) == "set()"


MAKE = """
import asyncio, sys
from llmspell_bridges.llm import LlmBridge
from llmspell_bridges.llm.importing import start_import
from llmspell_core import LlmspellError, Session
from llmspell_core.dispatch import call
async def main():
    bridge = LlmBridge()
    session = Session(bridges={"llm": bridge})
    agent = await call(session, "llm", "agent", [{"system": "x"}])
"""


def test_making_an_agent_waits_for_no_import() -> None:
    """It runs in a thread, and is given up when the process ends without having used it."""
    code = f"""{MAKE}
    from llmspell_bridges.agent import importing
    assert not importing.start_import().done()
    print("left")
asyncio.run(main())
"""
    assert _run(code) == "left"


def test_without_it_an_agent_says_what_to_install() -> None:
    """When it is run."""
    code = f"""{MAKE}
    try:
        await call(session, agent.id, "run", ["Hi"])
    except LlmspellError as error:
        print(error.kind, error)
sys.modules["pydantic_ai"] = None
asyncio.run(main())
"""
    said = _run(code)
    assert said.startswith("unsupported agents need the package `pydantic_ai`")
    assert 'pip install "llmspell-bridges[agents]"' in said
