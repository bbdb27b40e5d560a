"""llmspell-engines with the languages of the arguments: each runs, and what is absent says so."""

from __future__ import annotations

import sys

from llmspell_core import LlmspellError, SyncRuntime


def answer(runtime: SyncRuntime, language: str) -> object:
    """Run a spell; return its value, or what the error says."""
    try:
        return runtime.run("return 6 * 7", language=language).value
    except LlmspellError as error:
        return str(error)


with SyncRuntime() as runtime:
    for language, library in (("lua", "lupa"), ("javascript", "mini-racer")):
        found = answer(runtime, language)
        assert found == 42 if language in sys.argv else library in str(found), found
