"""When litellm is imported, and what it may not do then."""

from __future__ import annotations

import subprocess
import sys

HEAVY = "{'litellm', 'pydantic', 'httpx', 'openai', 'aiohttp'}"


def _run(code: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", *options, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_importing_the_bridge_imports_no_llm_library() -> None:
    """What `llmspell info` needs costs no library."""
    code = f"""
import sys
import llmspell_bridges.llm, llmspell_bridges.builtin
llmspell_bridges.llm.LlmBridge.manifest()
print({HEAVY} & set(sys.modules))
"""
    assert _run(code) == "set()"


def test_opening_the_bridge_imports_in_the_background() -> None:
    """`open` returns before the import is over; it runs in another thread, and is then there."""
    code = """
import asyncio, sys, threading
from llmspell_bridges.llm import LlmBridge
from llmspell_bridges.llm.importing import litellm_ready, start_import
async def main():
    bridge = LlmBridge()
    await bridge.open()
    assert not start_import().done()
    assert any(t.name == "llmspell-litellm" for t in threading.enumerate())
    litellm = await litellm_ready()
    assert litellm is sys.modules["litellm"]
    assert litellm.disable_hf_tokenizer_download
    await bridge.close()
    print("done")
asyncio.run(main())
"""
    # litellm's own modules warn about themselves; a test of ours is not the place for that
    assert _run(code, "-W", "ignore::DeprecationWarning") == "done"


def test_a_spell_that_never_calls_does_not_wait_for_the_import() -> None:
    """The process ends at once, without a word, in the middle of the import."""
    code = """
import asyncio, sys
from llmspell_bridges.llm import LlmBridge
from llmspell_bridges.llm.importing import start_import
async def main():
    bridge = LlmBridge()
    await bridge.open()
    while "litellm" not in sys.modules:
        await asyncio.sleep(0)
    await bridge.close()
    assert not start_import().done()
    print("left")
asyncio.run(main())
"""
    assert _run(code) == "left"


def test_a_collection_does_not_look_at_what_was_imported() -> None:
    """Litellm's 300,000 objects stay: looking at each would stop the loop for 0.3 s."""
    code = """
import asyncio, gc
from llmspell_bridges.llm.importing import litellm_ready
asyncio.run(litellm_ready())
assert gc.isenabled()
print(gc.get_freeze_count() > 100_000, len(gc.get_objects()) < 100_000)
"""
    assert _run(code, "-W", "ignore::DeprecationWarning") == "True True"
