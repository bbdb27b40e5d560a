"""llmspell-engines with the languages of the arguments: each runs, and what is absent says so."""

from __future__ import annotations

import sys

from llmspell_core import ConfigurationError, LlmSpellError, SyncRuntime

with SyncRuntime() as runtime:
    for language in ("lua", "javascript"):
        if language in sys.argv:
            assert runtime.run("return 6 * 7", language=language).value == 42
            continue
        try:
            runtime.run("return 6 * 7", language=language)
        except LlmSpellError as error:
            assert f"llmspell-engines[{language}]" in str(error), error
        else:
            raise ConfigurationError(f"{language} runs, although nothing brings it")
