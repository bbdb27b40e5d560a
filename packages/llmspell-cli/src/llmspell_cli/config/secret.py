"""Reading a provider's key where the configuration says it is: a variable, a keyring, a file."""

# pathlib costs 5 ms, and this is imported before every spell:

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import msgspec

from llmspell_core.errors import ConfigurationError
from llmspell_core.redact import redactor
from llmspell_core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell_cli.config.schema import ApiKey

_MAX_KEY_BYTES = 64 * 1024
_OTHERS = 0o077
"""The permissions of a file for anybody but its owner."""


def secret(key: ApiKey, path: tuple[str, ...], source: str, environ: Mapping[str, str]) -> Secret:
    """Make the secret whose place is `key`, the setting `path`, written at `source`."""
    if key.env is not msgspec.UNSET:
        variable = key.env
        redactor.learn(environ.get(variable), variable)  # so that no spell is granted it either
        return Secret(
            lambda: _checked(environ.get(variable), f"variable {variable}", path, source),
            f"environment {variable}",
            name=variable,
        )
    if key.keyring is not msgspec.UNSET:
        service = key.keyring
        user = path[1] if key.user is msgspec.UNSET else key.user
        return Secret(
            lambda: _checked(
                _from_keyring(service, user, source), f"keyring entry {service}", path, source
            ),
            f"keyring {service}, user {user}",
        )
    file = str(key.file)
    return Secret(
        lambda: _checked(_from_file(file, source), f"file {file}", path, source), f"file {file}"
    )


def _checked(value: str | None, where: str, path: tuple[str, ...], source: str) -> str | None:
    """Refuse a key that cannot be one; a variable that is not set is no key."""
    if value is None:
        return None
    key, setting = value.strip(), ".".join(path)
    kinds = {"providers": "provider", "mcp": "MCP server"}
    whose = f"{kinds.get(path[0], 'setting')} `{path[1]}`"
    if not key:
        text = f"the key of the {whose} is empty: nothing is in the {where}"
        raise ConfigurationError(f"{source}: {text}", key=setting)
    a_header = path[2:] != ("env",)
    if a_header and not (key.isascii() and key.isprintable()):
        text = f"the key of the {whose} is no key: the {where} holds other characters"
        raise ConfigurationError(f"{source}: {text}", key=setting)
    return key


def _from_file(path: str, source: str) -> str:
    """Read a file that is its owner's alone; what is looked at is what is read."""
    # a pipe with this name must not make us wait
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        fd = os.open(path, flags)
        try:
            what = _unfit(path, os.fstat(fd))
            data = b"" if what else os.read(fd, _MAX_KEY_BYTES)
        finally:
            os.close(fd)
    except OSError as error:
        what = (error.strerror or str(error)).lower()
    if what:
        raise ConfigurationError(f"{source}: cannot read the key file {path}: {what}")
    return data.decode("utf-8", "replace")


def _unfit(path: str, found: os.stat_result) -> str:
    """Say why a file is no place for a key; nothing where it is one."""
    if not stat.S_ISREG(found.st_mode):
        return "it is not a regular file"
    if not hasattr(os, "geteuid"):  # Windows: access is not in the mode
        return ""
    if found.st_uid not in (os.geteuid(), 0):
        return f"it belongs to the user {found.st_uid}, who can change it"
    if found.st_mode & _OTHERS:
        mode = stat.S_IMODE(found.st_mode)
        return f"others than its owner may use it (mode {mode:04o}): chmod 600 {path}"
    return ""


def _from_keyring(service: str, user: str, source: str) -> str | None:
    try:
        import keyring
    except ImportError:
        text = f"{source}: a key in a keyring needs the package keyring: pip install keyring"
        raise ConfigurationError(text) from None
    try:
        found = keyring.get_password(service, user)
    except Exception as error:  # noqa: BLE001 - backends raise what their systems do
        text = f"{source}: the keyring does not answer for {service}: {type(error).__name__}"
        raise ConfigurationError(text) from None
    if found is None:
        text = f"{source}: the keyring has no {service} of the user {user}"
        remedy = f"store it with `keyring set {service} {user}`"
        raise ConfigurationError(f"{text}; {remedy}")
    return found
