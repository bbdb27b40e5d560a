"""Links that somebody puts in the way between the check of a path and its use, forced.

Each method of `fs` opens from the folder that was checked, and follows no link. Here a part of the
path is swapped at the worst moment: once after it was resolved and checked, once after what is
there was looked at.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest

from llmspell_bridges.fs import files
from llmspell_bridges.policy.paths import PathPolicy, Place
from llmspell_core import LlmspellError, Permissions

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from pathlib import Path

SECRET = "the secret outside"

WORK: dict[str, tuple[str, Callable[[Place], object]]] = {
    "read": ("read", partial(files.read, where="fs.read", limit=1000)),
    "stream": ("read", lambda place: _closed(files.open_stream(place, "fs.lines"))),
    "list": ("read", partial(files.entries, where="fs.list")),
    "stat": ("read", Place.status),
    "write": (
        "write",
        partial(files.write, where="fs.write", data=b"new", stopped=lambda: False),
    ),
    "append": ("write", partial(files.append, where="fs.append", data=b"new")),
    "mkdir": ("write", files.make_folder),
    "remove": ("write", partial(files.remove, where="fs.remove", recursive=False)),
    "remove all": ("write", partial(files.remove, where="fs.remove", recursive=True)),
}
every = pytest.mark.parametrize("method", WORK)


def _closed(file: object) -> str:
    with file as opened:  # type: ignore[attr-defined]  # a binary file
        return str(opened.read())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a granted folder with a file and a folder, and the same with secrets outside."""
    for place, text in (("granted/sub", "inside"), ("outside", SECRET)):
        folder = tmp_path / place
        (folder / "folder").mkdir(parents=True)
        (folder / "folder" / "deep.txt").write_text(text)
        (folder / "note.txt").write_text(text)
    for folder in (tmp_path / "outside", tmp_path / "outside" / "folder"):
        (folder / "out-only.txt").write_text(SECRET)
    return tmp_path


def outside(tree: Path) -> dict[str, str]:
    """Take down all that is outside."""
    folder = tree / "outside"
    return {
        str(it.relative_to(folder)): it.read_text() if it.is_file() else ""
        for it in folder.rglob("*")
    }


def leaked(tree: Path, said: str) -> bool:
    """Say whether an answer tells anything of what is outside: a text, a name, a file's number."""
    numbers = [f"st_ino={it.stat().st_ino}," for it in (tree / "outside").rglob("*")]
    return any(it in said for it in (SECRET, "out-only", *numbers))


def attempt(tree: Path, method: str, name: str) -> str:
    """Do it, and return what it gave or raised, as text."""
    access, work = WORK[method]
    permissions = Permissions(read=("granted",), write=("granted",))
    policy = PathPolicy(lambda: permissions, root=str(tree), protected=[])
    follow = not method.startswith("remove")
    try:
        return repr(policy.use(f"granted/sub/{name}", access, "fs.x", work, follow=follow))  # type: ignore[arg-type]  # one of the two
    except (OSError, LlmspellError) as error:
        return str(error)


def target(method: str) -> str:
    """Name what a method is good for: a file or a folder."""
    return {"list": "folder", "remove all": "folder", "mkdir": "new"}.get(method, "note.txt")


@every
def test_a_folder_swapped_after_the_check_leads_nowhere(
    tree: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """What is outside is neither seen nor changed."""
    resolve = PathPolicy.resolve
    sub = tree / "granted" / "sub"

    def resolve_then_swap(*args: object, **options: object) -> str:
        found = resolve(*args, **options)  # type: ignore[arg-type]  # handed on as it came
        if not sub.is_symlink():
            sub.rename(tree / "away")
            sub.symlink_to(tree / "outside")
        return found

    monkeypatch.setattr(PathPolicy, "resolve", resolve_then_swap)
    before = outside(tree)
    said = attempt(tree, method, target(method))
    monkeypatch.undo()
    assert sub.is_symlink(), "the swap was not forced"
    assert outside(tree) == before
    assert not leaked(tree, said)


@every
def test_a_thing_swapped_after_the_check_leads_nowhere(
    tree: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """The same for the file or folder itself."""
    resolve = PathPolicy.resolve
    spot = tree / "granted" / "sub" / target(method)

    def resolve_then_swap(*args: object, **options: object) -> str:
        found = resolve(*args, **options)  # type: ignore[arg-type]  # handed on as it came
        _swap(spot, tree)
        return found

    monkeypatch.setattr(PathPolicy, "resolve", resolve_then_swap)
    _attempt_and_look(tree, method, monkeypatch)


@every
def test_a_thing_swapped_after_it_was_looked_at_leads_nowhere(
    tree: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Looking at it tells nothing about what is opened a moment later."""
    status = Place.status
    spot = tree / "granted" / "sub" / target(method)

    def look_then_swap(place: Place) -> os.stat_result:
        found = status(place)
        _swap(spot, tree)
        return found

    monkeypatch.setattr(Place, "status", look_then_swap)
    _attempt_and_look(tree, method, monkeypatch)


def _swap(spot: Path, tree: Path) -> None:
    if not spot.is_symlink():
        with suppress(FileNotFoundError):
            spot.rename(tree / "away")
        spot.symlink_to(tree / "outside" / spot.name)


def _attempt_and_look(tree: Path, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = outside(tree)
    said = attempt(tree, method, target(method))
    monkeypatch.undo()
    assert outside(tree) == before
    assert not leaked(tree, said)
