"""What `fs` asks for, where there is somebody to ask."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_bridges.fs import FsBridge
from llmspell_core import PermissionDeniedError, Permissions, Question, Session
from llmspell_core.dispatch import call

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio
YES, NO = True, False


class Asked:
    """A run in a folder of its own, and the person who is asked."""

    def __init__(self, root: Path, *answers: bool, permissions: Permissions | None = None) -> None:
        self.answers = list(answers)
        self.questions: list[Question] = []
        bridge = FsBridge.from_settings({"root": str(root), "protected": [str(root / "config")]})
        self.session = Session(bridges={"fs": bridge}, permissions=permissions, ask=self.ask)

    async def ask(self, question: Question) -> bool:
        self.questions.append(question)
        return self.answers.pop(0)

    async def call(self, method: str, *args: Any) -> Any:
        return await call(self.session, "fs", method, list(args))

    @property
    def wants(self) -> list[tuple[str, str | None]]:
        return [(want.effect, want.name) for it in self.questions for want in it.wants]


@pytest.mark.parametrize(
    ("method", "args", "effect"),
    [
        ("read", ["a.txt"], "read"),
        ("stat", ["a.txt"], "read"),
        ("exists", ["a.txt"], "read"),
        ("list", ["."], "read"),
        ("write", ["b.txt", "x"], "write"),
        ("append", ["a.txt", "x"], "write"),
        ("mkdir", ["folder"], "write"),
        ("remove", ["a.txt"], "write"),
    ],
)
async def test_each_method_asks_for_the_whole_path(
    root: Path, method: str, args: list[str], effect: str
) -> None:
    """Once, and then does its work; a no leaves everything as it was."""
    (root / "a.txt").write_text("owls")
    path = str(root / args[0]) if args[0] != "." else str(root)
    refused = Asked(root, NO)
    with pytest.raises(PermissionDeniedError, match=f"--allow-{effect}={args[0]}"):
        await refused.call(method, *args)
    assert [it.name for it in root.iterdir()] == ["a.txt"]
    asked = Asked(root, YES)
    await asked.call(method, *args)
    assert asked.wants == refused.wants == [(effect, path)]
    assert asked.questions[0].where == f"fs.{method}"


@pytest.mark.parametrize("method", ["lines", "chunks"])
async def test_a_stream_asks_when_it_is_first_read(root: Path, method: str) -> None:
    """In the name of its method."""
    (root / "a.txt").write_text("owls")
    asked = Asked(root, YES)
    stream: Any = await asked.call(method, "a.txt")
    assert asked.questions == []
    await call(asked.session, stream.id, "next", [])
    assert asked.wants == [("read", str(root / "a.txt"))]
    assert asked.questions[0].where == f"fs.{method}"
    await asked.session.close()


async def test_where_a_link_leads_is_asked_for_by_itself(root: Path, tmp_path: Path) -> None:
    """Nobody says yes to a file that they were not shown."""
    (tmp_path / "secret.txt").write_text("secret")
    (root / "notes.txt").symlink_to(tmp_path / "secret.txt")
    asked = Asked(root, YES, NO)
    with pytest.raises(PermissionDeniedError, match="it leads to"):
        await asked.call("read", "notes.txt")
    assert asked.wants == [
        ("read", str(root / "notes.txt")),
        ("read", str(tmp_path / "secret.txt")),
    ]
    assert asked.questions[1].because == f"{root / 'notes.txt'} leads there"
    asked = Asked(root, YES, YES)
    assert await asked.call("read", "notes.txt") == "secret"


async def test_a_link_of_a_folder_that_was_said_yes_to_is_asked_for(
    root: Path, tmp_path: Path
) -> None:
    """Also one that appears after the yes."""
    (root / "docs").mkdir()
    (root / "docs" / "a.txt").write_text("owls")
    (tmp_path / "secret.txt").write_text("secret")
    asked = Asked(root, YES, NO)
    await asked.call("list", "docs")
    (root / "docs" / "a.txt").unlink()
    (root / "docs" / "a.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(PermissionDeniedError):
        await asked.call("read", "docs/a.txt")
    assert asked.wants[1] == ("read", str(tmp_path / "secret.txt"))


@pytest.mark.parametrize(
    "path", ["config/trusted", "/proc/self/environ", "/dev/null", "docs/../config", "link/x"]
)
async def test_what_no_grant_opens_is_not_asked_for(root: Path, path: str) -> None:
    """The kernel's files and llmspell's own configuration, by whatever name."""
    (root / "config").mkdir()
    (root / "link").symlink_to("config")
    asked = Asked(root, permissions=Permissions(read=(str(root / "link"),)))
    with pytest.raises(PermissionDeniedError, match="whatever is granted"):
        await asked.call("read", path)
    assert asked.questions == []


async def test_nothing_is_looked_at_before_the_yes(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resolving a path can already tell somebody something, or mount it."""
    (root / "a.txt").write_text("owls")
    asked = Asked(root, NO)
    seen: list[str] = []
    for name in ("lstat", "stat", "readlink", "open"):
        real = getattr(os, name)

        def spy(path: Any, *args: Any, real: Any = real, **options: Any) -> Any:
            seen.append(str(path))
            return real(path, *args, **options)

        monkeypatch.setattr(os, name, spy)
    with pytest.raises(PermissionDeniedError):
        await asked.call("read", "a.txt")
    monkeypatch.undo()
    assert [it for it in seen if "a.txt" in it] == []
    assert len(asked.questions) == 1


async def test_what_is_granted_is_not_asked_for(root: Path) -> None:
    """A path below one that was granted from the start, or by a yes."""
    (root / "a").mkdir()
    (root / "a" / "b.txt").write_text("owls")
    asked = Asked(root, YES, permissions=Permissions(read=("a",)))
    await asked.call("read", "a/b.txt")
    assert asked.questions == []
    await asked.call("write", "new", "x")
    await asked.call("write", "new", "y")
    assert asked.wants == [("write", str(root / "new"))]
