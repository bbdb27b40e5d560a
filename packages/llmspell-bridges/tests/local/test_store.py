"""Where models lie, and how a missing or damaged one is told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from llmspell_bridges.local import catalog, store
from llmspell_core.errors import ModelNotFoundError, ProviderError

if TYPE_CHECKING:
    from llmspell_bridges.local.catalog import Model


def test_cache_dir_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    """`XDG_CACHE_HOME` moves the cache, if it is an absolute path."""
    monkeypatch.delenv("LLMSPELL_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert store.cache_dir() == Path("/somewhere/llmspell/models")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert store.cache_dir().is_relative_to(Path.home())


def test_listing_says_what_is_there(tiny: tuple[Model, Path], cache: Path) -> None:
    """The listing has every model, with the bytes on disk of those that are pulled."""
    model, _ = tiny
    cache.mkdir(parents=True)
    (cache / model.file).write_bytes(b"12345")
    sizes = {it.model.name: it.bytes_on_disk for it in store.listing()}
    assert sizes == {"smollm2": None, "minilm": None, "tiny": 5}


@pytest.mark.usefixtures("cache")
def test_a_missing_model_names_the_remedy() -> None:
    """A model that was not pulled says which command pulls it."""
    with pytest.raises(ModelNotFoundError, match="run `llmspell models pull smollm2`"):
        store.checked_path(catalog.find("smollm2"))


def test_a_wrong_hash_names_both(tiny: tuple[Model, Path], cache: Path) -> None:
    """A damaged file's error names the expected hash, the found one and the remedy."""
    model, _ = tiny
    cache.mkdir(parents=True)
    path = cache / model.file
    path.write_bytes(b"damaged")
    expected = f"expected sha256 {model.file_sha256}, got {store.sha256(path)}.*models pull tiny"
    with pytest.raises(ProviderError, match=expected):
        store.checked_path(model)


def test_a_changed_file_is_hashed_anew(tiny: tuple[Model, Path], cache: Path) -> None:
    """A receipt counts only for the file it was written for."""
    model, _ = tiny
    cache.mkdir(parents=True)
    path = cache / model.file
    path.write_bytes(b"one")
    before = store.hash_of(path)
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert store.hash_of(path) != before
