"""Which project files the user trusts: by path and content, in the user's configuration folder.

Each is a file of its own, ``trusted/HASH-OF-PATH.json``, mode 0600, replaced atomically, so two
commands at once lose nothing. What is damaged or cannot be read is not trusted.
"""

# pathlib costs 5 ms, and a project's file is checked before every spell:
# ruff: noqa: PTH103, PTH105, PTH108, PTH118, PTH120, PTH208

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import msgspec

from llmspell_cli.config.files import read, user_config_dir
from llmspell_core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

TRUSTED, CHANGED, UNKNOWN = "trusted", "changed", "unknown"


class Trusted(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it was when the user trusted it; `sha256` is of its bytes, in hexadecimal."""

    path: str
    sha256: str


def trust(path: str, environ: Mapping[str, str] | None = None) -> Trusted:
    """Trust a project's file as it is now.

    Raises:
        ConfigurationError: there is no such file, it is wrong, or this cannot be written down.
    """
    from llmspell_cli.config.reader import parse

    real = os.path.realpath(path)
    content = read(real)
    if content is None:
        raise ConfigurationError(f"there is no file {path}", file=path)
    parse(content.path, content.data)
    return remember(content.path, content.data, environ)


def remember(path: str, data: bytes, environ: Mapping[str, str] | None = None) -> Trusted:
    """Write down that a file with this content is trusted.

    Raises:
        ConfigurationError: it cannot be written down.
    """
    real = os.path.realpath(path)
    entry = Trusted(path=real, sha256=hashlib.sha256(data).hexdigest())
    try:
        encoded = msgspec.json.encode(entry)
    except UnicodeEncodeError:
        text = f"cannot trust {real!r}: its path is not UTF-8; rename it"
        raise ConfigurationError(text) from None
    _write(_entry(real, environ), encoded)
    return entry


def untrust(path: str, environ: Mapping[str, str] | None = None) -> bool:
    """Trust a file no longer, whether it still exists or not; say whether it was trusted.

    Raises:
        ConfigurationError: it cannot be forgotten.
    """
    try:
        os.unlink(_entry(os.path.realpath(path), environ))
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _failed("forget", path, error) from None
    return True


def is_trusted(path: str, content: bytes, environ: Mapping[str, str] | None = None) -> bool:
    """Say whether the user trusts the file at `path` with this content."""
    return status(path, content, environ) == TRUSTED


def status(path: str, content: bytes, environ: Mapping[str, str] | None = None) -> str:
    """Say `TRUSTED`, `CHANGED` for a file that was trusted with other content, or `UNKNOWN`."""
    if user_config_dir(environ) is None:
        return UNKNOWN
    real = os.path.realpath(path)
    entry = _read(_entry(real, environ))
    if entry is None or entry.path != real:
        return UNKNOWN
    return TRUSTED if entry.sha256 == hashlib.sha256(content).hexdigest() else CHANGED


def list_trusted(environ: Mapping[str, str] | None = None) -> list[Trusted]:
    """List what is trusted, by path."""
    try:
        folder = _folder(environ)
        names = os.listdir(folder)
    except (OSError, ConfigurationError):
        return []
    found = [_read(os.path.join(folder, name)) for name in names if name.endswith(".json")]
    return sorted((it for it in found if it is not None), key=lambda it: it.path)


def _folder(environ: Mapping[str, str] | None) -> str:
    base = user_config_dir(environ)
    if base is None:
        text = "there is no home folder to keep this in; set LLMSPELL_CONFIG_DIR"
        raise ConfigurationError(text)
    return os.path.join(base, "trusted")


def _entry(real: str, environ: Mapping[str, str] | None) -> str:
    name = hashlib.sha256(os.fsencode(real)).hexdigest()
    return os.path.join(_folder(environ), f"{name}.json")


def _read(path: str) -> Trusted | None:
    try:
        content = read(path)
        return None if content is None else msgspec.json.decode(content.data, type=Trusted)
    except (ConfigurationError, msgspec.DecodeError):
        return None


def _write(path: str, data: bytes) -> None:
    """Replace a file as a whole, readable by its owner alone."""
    temporary = f"{path}.{os.urandom(8).hex()}.tmp"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(temporary, "xb", opener=lambda p, flags: os.open(p, flags, 0o600)) as file:
            try:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                os.replace(temporary, path)
            except BaseException:
                os.unlink(temporary)
                raise
    except OSError as error:
        raise _failed("write", path, error) from None


def _failed(verb: str, path: str, error: OSError) -> ConfigurationError:
    what = (error.strerror or str(error)).lower()
    return ConfigurationError(f"cannot {verb} {path}: {what}", file=path)
