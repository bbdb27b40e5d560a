"""Where models lie on this machine, and whether what lies there is what it should be."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from llmspell_bridges.local.catalog import CATALOG, PROVIDER, Model
from llmspell_core.errors import ModelNotFoundError, ProviderError

if TYPE_CHECKING:
    from collections.abc import Iterable


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """A model of the catalog and its file; `bytes_on_disk` is None where it is not pulled."""

    model: Model
    path: Path
    bytes_on_disk: int | None


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What a file was when its hash was last computed; spares hashing 98 MB at every start."""

    sha256: str
    size_bytes: int
    mtime_ns: int


def cache_dir() -> Path:
    """Name the user's cache folder for models; `LLMSPELL_CACHE_DIR` moves it.

    Otherwise `XDG_CACHE_HOME`, then what the platform's users expect.
    """
    if chosen := os.environ.get("LLMSPELL_CACHE_DIR"):
        return Path(chosen).expanduser() / "models"
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    if Path(xdg).is_absolute():  # the XDG specification has relative paths ignored
        return Path(xdg) / "llmspell" / "models"
    home = Path.home()
    base = home / "Library" / "Caches" if sys.platform == "darwin" else home / ".cache"
    return base / "llmspell" / "models"


def path_of(model: Model) -> Path:
    """Say where the model's file lies, or will lie once it is pulled."""
    return cache_dir() / model.file


def listing(models: Iterable[Model] = CATALOG.values()) -> list[Installed]:
    """List the catalog with what of it is on this machine."""
    return [
        Installed(model=model, path=path_of(model), bytes_on_disk=_size(path_of(model)))
        for model in models
    ]


def checked_path(model: Model) -> Path:
    """Return the model's file after making sure that it is the right one.

    Raises:
        ModelNotFoundError: it was never pulled.
        ProviderError: its hash is not the catalog's; the message names both.
    """
    path = path_of(model)
    if _size(path) is None:
        text = f"model {model.id!r} is not on this machine; run `llmspell models pull {model.name}`"
        raise ModelNotFoundError(text, provider=PROVIDER, model=model.id)
    got = hash_of(path)
    if got != model.file_sha256:
        text = (
            f"model file {path} is damaged: expected sha256 {model.file_sha256}, got {got}; "
            f"run `llmspell models pull {model.name}` to replace it"
        )
        raise ProviderError(text, provider=PROVIDER, model=model.id)
    return path


def hash_of(path: Path) -> str:
    """Compute a file's SHA-256, or take it from the receipt while the file is untouched."""
    stat = path.stat()
    receipt = _receipt(path)
    unchanged = (stat.st_size, stat.st_mtime_ns)
    if receipt is not None and (receipt.size_bytes, receipt.mtime_ns) == unchanged:
        return receipt.sha256
    digest = sha256(path)
    _write_receipt(path, digest, stat)
    return digest


def sha256(path: Path) -> str:
    """Compute a file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _receipt_path(path: Path) -> Path:
    return path.with_name(path.name + ".receipt.json")


def _receipt(path: Path) -> Receipt | None:
    try:
        return msgspec.json.decode(_receipt_path(path).read_bytes(), type=Receipt)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _write_receipt(path: Path, digest: str, stat: os.stat_result) -> None:
    receipt = Receipt(sha256=digest, size_bytes=stat.st_size, mtime_ns=stat.st_mtime_ns)
    target = _receipt_path(path)
    partial = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        partial.write_bytes(msgspec.json.encode(receipt))
        partial.replace(target)
    except OSError:  # a cache that cannot be written is hashed anew each time, nothing worse
        partial.unlink(missing_ok=True)
