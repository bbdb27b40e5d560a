"""What the command's exit code says."""

from __future__ import annotations

from llmspell_core.errors import (
    BudgetError,
    CancelledSpellError,
    ConfigurationError,
    ConversionError,
    LimitError,
    LlmspellError,
    PermissionDeniedError,
    PluginError,
    ProviderError,
    ScriptSyntaxError,
    UnsupportedError,
    ValidationError,
)

DONE = 0
SCRIPT = 1
USAGE = 2
SYNTAX = 3
PERMISSION = 4
LIMIT = 5
PROVIDER = 6
INTERRUPTED = 130
TERMINATED = 143
BROKEN_PIPE = 141
"""What a shell shows for a program that SIGPIPE ended, such as ``yes`` in ``yes | head``."""

_CODES: tuple[tuple[type[LlmspellError], int], ...] = (
    (ScriptSyntaxError, SYNTAX),
    (PermissionDeniedError, PERMISSION),
    (LimitError, LIMIT),
    (BudgetError, LIMIT),
    (ProviderError, PROVIDER),
    (CancelledSpellError, INTERRUPTED),
    (ConfigurationError, USAGE),
    (PluginError, USAGE),
)


def exit_code(error: LlmspellError) -> int:
    """Choose the exit code for what ended a run.

    A value that is refused before the script runs (a parameter, the isolation asked for) is
    the user's: usage. The same refusal in a call of the script is the script's failure.
    """
    for cls, code in _CODES:
        if isinstance(error, cls):
            return code
    if error.bridge or error.method or error.traceback:
        return SCRIPT
    if isinstance(error, ConversionError):  # of a parameter, or of the script's result
        return USAGE if (error.path or "").startswith("params") else SCRIPT
    return USAGE if isinstance(error, (ValidationError, UnsupportedError)) else SCRIPT
