"""How a script's `console` shows values: the text of what it printed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from llmspell_core.errors import ConversionError
from llmspell_core.limits import show_bytes
from llmspell_core.values import DEFAULT_BOUNDS, CallbackRef, Foreign

if TYPE_CHECKING:
    from collections.abc import Sequence


def console_text(values: Sequence[Any]) -> str:
    """Join values with spaces: text as it is, lists and maps as JSON with sorted keys.

    A `Foreign` is shown by its text; what JSON cannot show is shown as Python does, and never fails.

    Raises:
        ConversionError: they are more than one message may hold, which no limit raises.
    """
    text = " ".join(map(_shown, values))
    if len(text) > DEFAULT_BOUNDS.message_bytes:
        most = show_bytes(DEFAULT_BOUNDS.message_bytes)
        refusal = f"what is printed at once cannot be larger than {most}"
        raise ConversionError(refusal)
    return text


def _shown(value: Any) -> str:
    if isinstance(value, (str, Foreign, CallbackRef)):
        return _word(value)
    try:
        return _JSON.encode(value)
    except (TypeError, ValueError, RecursionError):  # keys of several kinds, a cycle, a deep one
        return str(value)


def _word(value: Any) -> str:
    """Show what JSON does not know."""
    if isinstance(value, Foreign):
        return value.text or f"<{value.kind}>"
    return f"<function {value.name}>" if isinstance(value, CallbackRef) else str(value)


_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_word)
