"""Request headers: what a script may set, and what stays behind at a redirect."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from llmspell_core.environment import is_credential
from llmspell_core.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")
_SET_HERE = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_OF_ONE_ORIGIN = frozenset({"authorization", "cookie", "origin", "referer"})
MOST = 64


def checked_headers(headers: Mapping[str, str], where: str) -> dict[str, str]:
    """Check a script's headers and return them with names in lower case.

    Raises:
        ValidationError: it names the header.
    """
    if len(headers) > MOST:
        raise _bad(where, "headers", f"at most {MOST} headers, got {len(headers)}")
    checked: dict[str, str] = {}
    for name, value in headers.items():
        lower = name.lower()
        argument = f"headers[{name!r}]"
        if not _NAME.fullmatch(name):
            raise _bad(where, argument, "a header's name is letters, digits and dashes")
        if not _VALUE.fullmatch(value):
            what = "a header's value is one line of ASCII text; encode anything else"
            raise _bad(where, argument, what)
        if lower in _SET_HERE or lower.startswith("proxy-"):
            raise _bad(where, argument, "this header is set by llmspell; leave it out")
        if lower in checked:
            raise _bad(where, argument, "the header is given twice")
        checked[lower] = value.strip(" \t")
    return checked


def for_other_origin(headers: Mapping[str, str]) -> dict[str, str]:
    """Leave out what was meant for the first origin: credentials of any name."""
    return {
        name: value
        for name, value in headers.items()
        if name not in _OF_ONE_ORIGIN and not is_credential(name)
    }


def without_body(headers: Mapping[str, str]) -> dict[str, str]:
    """Leave out what describes a body that is no longer sent."""
    return {name: value for name, value in headers.items() if not name.startswith("content-")}


def _bad(where: str, argument: str, what: str) -> ValidationError:
    text = f"bad argument `{argument}` to `{where}`: {what}"
    return ValidationError(text, argument=argument)
