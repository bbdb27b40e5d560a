"""Which environment variables a spell can see: granted ones, and never a credential."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell_core.permissions import Permissions
    from llmspell_core.redact import Redactor

_CREDENTIAL_WORDS = (
    "KEY",
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "CREDENTIAL",
    "AUTH",
    "COOKIE",
    "DSN",
    "PASS",
    "PAT",
    "CRED",
    "JWT",
    "SAS",
    "WEBHOOK",
)
_CREDENTIAL_PARTS = ("APIKEY", "PASSWORD", "SECRET", "TOKEN", "CONNECTION_STRING")
_PASSWORD_IN_URL = re.compile(r"://[^\s/@:]*:[^\s/@]+@")


def is_credential(name: str) -> bool:
    """Say whether a variable's name speaks of a secret: ``OPENAI_API_KEY``, ``DB_PASSWORD``."""
    whole = name.upper().replace("-", "_")
    words = whole.split("_")
    if len(words) > 1 and "PWD" in words:  # alone it is the working folder
        return True
    return any(
        word in _CREDENTIAL_WORDS or word.rstrip("S0123456789") in _CREDENTIAL_WORDS
        for word in words
    ) or any(part in whole for part in _CREDENTIAL_PARTS)


def granted_environment(
    environ: Mapping[str, str], permissions: Permissions, *, redactor: Redactor
) -> dict[str, str]:
    """Pick the variables a run may see; a credential is left out whatever is granted.

    One is known by its variable's name, by an address with a password in it (``DATABASE_URL``), or
    because the host has a key there: to the `redactor`.
    """
    if permissions.env is False:
        return {}
    return {
        name: value
        for name, value in sorted(environ.items())
        if not is_credential(name)
        and permissions.allows("env", name)
        and redactor.text(value) == value
        and not _PASSWORD_IN_URL.search(value)
    }
