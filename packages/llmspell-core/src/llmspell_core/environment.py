"""Which environment variables a spell can see: granted ones, and never a credential."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell_core.permissions import Permissions

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
)


def is_credential(name: str) -> bool:
    """Say whether a variable's name speaks of a secret: ``OPENAI_API_KEY``, ``DB_PASSWORD``."""
    words = name.upper().replace("-", "_").split("_")
    return any(word.rstrip("S0123456789") in _CREDENTIAL_WORDS for word in words) or any(
        part in name.upper() for part in ("APIKEY", "PASSWORD", "SECRET", "TOKEN")
    )


def granted_environment(environ: Mapping[str, str], permissions: Permissions) -> dict[str, str]:
    """Pick the variables a run may see; a credential is left out whatever is granted."""
    if permissions.env is False:
        return {}
    return {
        name: value
        for name, value in sorted(environ.items())
        if not is_credential(name) and permissions.allows("env", name)
    }
