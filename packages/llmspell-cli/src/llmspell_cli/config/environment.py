"""Settings from ``LLMSPELL_*`` variables, written as their options are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from llmspell_cli.config.keys import KEYS, MODEL_VARIABLE, OTHER_VARIABLES
from llmspell_core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell_cli.config.keys import Key

_GRANTS = {"true": True, "1": True, "*": True, "false": False, "0": False}
_BOUND = 2**53


def from_environment(key: Key, environ: Mapping[str, str]) -> tuple[bool, Any]:
    """Read a setting's variable: whether it is set, and its value; an empty one is not set.

    Raises:
        ConfigurationError: it cannot be read; the message says what was expected.
    """
    text = environ.get(key.variable, "").strip()
    if not text:
        return False, None
    if key.kind == "grant":
        return True, _grant(key, text)
    if text.lower() == "none" and key.unlimited:
        return True, None
    try:
        return True, _amount(key, text)
    except (ValueError, OverflowError) as error:
        unlimited = ", or none for unlimited" if key.unlimited else ""
        expected = str(error) if isinstance(error, ValueError) else "a smaller amount"
        raise _wrong(key, f"expected {expected}{unlimited}, got {text[:60]!r}") from None


def misspelt(environ: Mapping[str, str]) -> list[str]:
    """Describe variables that are nearly ours: a mistake would otherwise change nothing."""
    known = [MODEL_VARIABLE, *OTHER_VARIABLES, *(key.variable for key in KEYS)]
    others = [it for it in environ if it.startswith("LLMSPELL_") and it not in known]
    if not others:
        return []
    from difflib import get_close_matches

    found = []
    for name in others:
        near = get_close_matches(name[:100], known, n=1, cutoff=0.85)
        if near:
            found.append(f"the environment variable {name} is unknown; did you mean {near[0]}?")
    return found


def _amount(key: Key, text: str) -> float:
    from llmspell_cli.options import parse_duration, parse_size

    if key.kind == "seconds":
        return _bounded(parse_duration(text))
    if key.kind == "bytes":
        return _bounded(parse_size(text))
    if key.kind == "usd":
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?|\.[0-9]+", text):
            raise ValueError("an amount of US dollars such as 0.50")
        return float(text)
    if not re.fullmatch(r"[0-9]{1,15}", text) or (key.section == "limits" and int(text) == 0):
        least = "" if key.section == "budget" else " above 0"
        raise ValueError(f"a whole number{least}")
    return int(text)


def _bounded(amount: float) -> float:
    if amount > _BOUND:
        raise OverflowError
    return amount


def _grant(key: Key, text: str) -> bool | tuple[str, ...]:
    if text.lower() in _GRANTS:
        return _GRANTS[text.lower()]
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise _wrong(key, "expected true, false or names with commas between them")
    return names


def _wrong(key: Key, what: str) -> ConfigurationError:
    text = f"bad value of the environment variable {key.variable}: {what}"
    return ConfigurationError(text, key=key.variable)
