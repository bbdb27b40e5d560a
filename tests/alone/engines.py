"""llmspell-engines with the languages of the arguments: each runs, and what is absent says so."""

from __future__ import annotations

import sys

from llmspell_core import LlmspellError, SyncRuntime

with SyncRuntime() as runtime:
    for language in ("lua", "javascript"):
        try:
            value = runtime.run("return 6 * 7", language=language).value
        except LlmspellError as error:
            assert language not in sys.argv, error
            assert f"llmspell-engines[{language}]" in str(error), error
        else:
            assert language in sys.argv, f"{language} runs, although nothing brings it"
            assert value == 42
