"""What a spell can do with files."""

from __future__ import annotations

import asyncio
import os
import re
import threading
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_bridges.fs import FsBridge, files
from llmspell_core import (
    ConfigurationError,
    FileSystemError,
    PermissionDeniedError,
    Permissions,
    Session,
    TextRecord,
    ValidationError,
)
from llmspell_core.dispatch import call

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Fs

pytestmark = pytest.mark.anyio


async def test_text_is_written_and_read_back(fs: Fs, root: Path) -> None:
    """Text is UTF-8, unchanged in both directions; the answer to a write is its bytes."""
    text = "grüße\r\n\n\ttail\x00"
    assert await fs("write", "a.txt", text) == len(text.encode())
    assert (root / "a.txt").read_bytes() == text.encode()
    assert await fs("read", "a.txt") == text


async def test_bytes_are_written_and_read_back(fs: Fs) -> None:
    """With `binary`, what is read is bytes."""
    data = bytes(range(256))
    await fs("write", "a.bin", data)
    assert await fs("read", "a.bin", {"binary": True}) == data


async def test_a_text_record_is_written_as_its_text(fs: Fs) -> None:
    """An agent's answer can be given as content."""
    await fs("write", "a.txt", TextRecord("answer", {"model": "m"}))
    assert await fs("read", "a.txt") == "answer"


async def test_what_is_not_text_asks_for_binary(fs: Fs) -> None:
    """The error says where the text ends and how to read it."""
    await fs("write", "a.bin", b"ok\xff")
    with pytest.raises(FileSystemError, match=r"0xff at byte 2\); .* \{binary = true\}") as caught:
        await fs("read", "a.bin")
    assert caught.value.reason == "not_text"


async def test_appending_makes_the_file_and_adds_to_it(fs: Fs) -> None:
    """The answer is the number of bytes added."""
    assert await fs("append", "log.txt", "one\n") == 4
    assert await fs("append", "log.txt", "twö\n") == 5
    assert await fs("read", "log.txt") == "one\ntwö\n"


async def test_a_folder_is_listed_in_order(fs: Fs, root: Path) -> None:
    """Each entry has its name, type and size; a link is shown as one."""
    (root / "b.txt").write_text("12345")
    (root / "a").mkdir()
    (root / "c").symlink_to("b.txt")
    os.mkfifo(root / "d")
    listed = await fs("list")
    assert [(entry["name"], entry["type"]) for entry in listed] == [
        ("a", "folder"),
        ("b.txt", "file"),
        ("c", "link"),
        ("d", "other"),
    ]
    assert listed[1]["size"] == 5


async def test_a_name_that_is_not_utf8_is_shown_escaped(fs: Fs, root: Path) -> None:
    """It must not make the whole folder unlistable."""
    (root / os.fsdecode(b"caf\xe9")).write_text("")
    assert [entry["name"] for entry in await fs("list", ".")] == ["caf\\xe9"]


async def test_a_folder_with_too_many_entries_says_so(
    fs: Fs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that no message can hold is refused with its limit."""
    monkeypatch.setattr(files, "MAX_ENTRIES", 2)
    for name in "abc":
        (root / name).touch()
    with pytest.raises(FileSystemError, match=r"more than 2 entries") as caught:
        await fs("list", ".")
    assert caught.value.reason == "too_large"


async def test_stat_tells_type_size_and_time(fs: Fs, root: Path) -> None:
    """The time is RFC 3339, in UTC; a link's target is meant."""
    (root / "a.txt").write_text("abc")
    os.utime(root / "a.txt", (1_000_000_000, 1_000_000_000.25))
    (root / "link").symlink_to("a.txt")
    expected = {"type": "file", "size": 3, "modified": "2001-09-09T01:46:40.250Z"}
    assert await fs("stat", "a.txt") == expected
    assert await fs("stat", "link") == expected


async def test_exists_tells_what_is_there(fs: Fs, root: Path) -> None:
    """A file's child is not there, and neither is what a dangling link leads to."""
    (root / "a.txt").touch()
    (root / "dangling").symlink_to("none")
    found = [await fs("exists", path) for path in ("a.txt", ".", "none", "a.txt/b", "dangling")]
    assert found == [True, True, False, False, False]


async def test_mkdir_makes_all_folders_and_is_content_with_old_ones(fs: Fs, root: Path) -> None:
    """It can be called again."""
    await fs("mkdir", "a/b/c")
    await fs("mkdir", "a/b/c")
    assert (root / "a/b/c").is_dir()


async def test_mkdir_over_a_file_is_an_error(fs: Fs, root: Path) -> None:
    """Nothing is replaced."""
    (root / "a").touch()
    for path, reason in (("a", "exists"), ("a/b", "not_folder")):
        with pytest.raises(FileSystemError) as caught:
            await fs("mkdir", path)
        assert caught.value.reason == reason


async def test_remove_removes_files_empty_folders_and_links(fs: Fs, root: Path) -> None:
    """Of a link it is the link that goes, not what it leads to."""
    (root / "kept").mkdir()
    (root / "kept/file").touch()
    (root / "link").symlink_to("kept")
    (root / "empty").mkdir()
    (root / "file").touch()
    for path in ("link", "empty", "file"):
        await fs("remove", path)
    assert [path.name for path in root.iterdir()] == ["kept"]
    assert (root / "kept/file").exists()


async def test_a_full_folder_is_removed_only_when_asked(fs: Fs, root: Path, tmp_path: Path) -> None:
    """And a link inside it is not followed."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    (root / "a/b").mkdir(parents=True)
    (root / "a/link").symlink_to(outside)
    with pytest.raises(FileSystemError, match=r"\{recursive = true\}") as caught:
        await fs("remove", "a")
    assert caught.value.reason == "not_empty"
    await fs("remove", "a", {"recursive": True})
    assert not (root / "a").exists()
    assert (outside / "file").exists()


@pytest.mark.parametrize(
    ("method", "args", "reason", "text"),
    [
        ("read", ["none"], "not_found", "no such file or folder"),
        ("read", ["folder"], "is_folder", "it is a folder"),
        ("read", ["file/x"], "not_folder", "is not a folder"),
        ("read", ["loop"], "changed", "links lead in a circle"),
        ("read", ["pipe"], "not_regular", "only regular files"),
        ("append", ["pipe", "x"], "not_regular", "only regular files"),
        ("write", ["pipe", "x"], "not_regular", "only regular files"),
        ("write", ["folder", "x"], "is_folder", "it is a folder"),
        ("write", ["none/x", "x"], "not_found", "its folder does not exist; make it with"),
        ("write", ["x" * 300, "x"], "name", "too long"),
        ("list", ["file"], "not_folder", "is not a folder"),
        ("remove", ["none"], "not_found", "no such file or folder"),
        ("stat", ["none"], "not_found", "no such file or folder"),
    ],
)
async def test_an_error_says_what_where_and_what_to_do(  # noqa: PLR0917 - one row of the table
    fs: Fs, root: Path, method: str, args: list[Any], reason: str, text: str
) -> None:
    """`reason` is for programs, the message for people; neither hangs."""
    (root / "folder").mkdir()
    (root / "file").touch()
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "pipe")
    with pytest.raises(FileSystemError, match=re.escape(text)) as caught:
        await fs(method, *args)
    assert caught.value.reason == reason
    assert caught.value.path == args[0]
    assert str(caught.value).startswith(f"`fs.{method}` of `{args[0]}`: ")


async def test_a_file_larger_than_the_limit_names_size_and_remedy(fs: Fs, root: Path) -> None:
    """It is not read at all, or only as far as the limit when it grows."""
    (root / "big").write_bytes(b"x" * 2000)
    with pytest.raises(FileSystemError, match=r"2,000 bytes, more than 1,999; .*`fs.lines`"):
        await fs("read", "big", {"max_bytes": 1999})
    assert len(await fs("read", "big", {"max_bytes": 2000})) == 2000


async def test_the_default_limit_is_10_mib(fs: Fs, root: Path) -> None:
    """And an argument raises it no further than a message holds."""
    with (root / "big").open("wb") as file:
        file.truncate(10 * 1024 * 1024 + 1)
    with pytest.raises(FileSystemError, match=r"more than 10,485,760"):
        await fs("read", "big")
    with pytest.raises(ValidationError, match=r"max_bytes"):
        await fs("read", "big", {"max_bytes": 2**24})


async def test_without_a_grant_nothing_is_possible(root: Path) -> None:
    """Reading does not grant writing; the refusal names the flag."""
    bridge = FsBridge.from_settings({"root": str(root)})
    session = Session(bridges={"fs": bridge}, permissions=Permissions(read=(".",)))
    for method, args in {
        "write": ["a", "b"],
        "append": ["a", "b"],
        "mkdir": ["a"],
        "remove": ["a"],
    }.items():
        with pytest.raises(PermissionDeniedError, match=r"--allow-write"):
            await call(session, "fs", method, args)
    assert list(root.iterdir()) == []


async def test_a_setting_that_does_not_exist_is_named() -> None:
    """The host's own mistakes are errors too."""
    with pytest.raises(ConfigurationError, match=r"the bridge `fs` are wrong.*`rot`"):
        FsBridge.from_settings({"rot": "/"})


async def test_parents_makes_the_folders_of_a_new_file(fs: Fs, root: Path) -> None:
    """Only when asked."""
    await fs("write", "a/b/c.txt", "x", {"parents": True})
    assert (root / "a/b/c.txt").read_text() == "x"


async def test_writing_keeps_the_mode_of_the_old_file(fs: Fs, root: Path) -> None:
    """A private file stays private, and a script stays executable."""
    (root / "a").touch(mode=0o600)
    (root / "a").chmod(0o710)
    await fs("write", "a", "x")
    assert (root / "a").stat().st_mode & 0o777 == 0o710


async def test_a_full_disk_leaves_the_old_file_whole(fs: Fs, full_disk: Path) -> None:
    """And nothing beside it."""
    await fs("write", "disk/a.txt", "old")
    with pytest.raises(FileSystemError, match=r"nothing was changed") as caught:
        await fs("write", "disk/a.txt", "x" * 300_000)
    assert caught.value.reason == "no_space"
    assert [path.name for path in full_disk.iterdir()] == ["a.txt"]
    assert (full_disk / "a.txt").read_text() == "old"


async def test_a_full_disk_takes_back_what_was_appended(fs: Fs, full_disk: Path) -> None:
    """The file is as it was."""
    await fs("write", "disk/a.txt", "old")
    with pytest.raises(FileSystemError, match=r"nothing was changed"):
        await fs("append", "disk/a.txt", "x" * 300_000)
    assert (full_disk / "a.txt").read_text() == "old"


async def test_a_read_only_folder_is_an_error_that_says_so(fs: Fs, read_only: Path) -> None:
    """Whatever is tried in it, and the old file stays."""
    for method, args in {
        "write": ["fixed/old.txt", "new"],
        "append": ["fixed/new.txt", "new"],
        "mkdir": ["fixed/new"],
        "remove": ["fixed/old.txt"],
    }.items():
        with pytest.raises(FileSystemError, match=r"read-only|no right") as caught:
            await fs(method, *args)
        assert caught.value.reason in ("read_only", "refused")
    assert [path.name for path in read_only.iterdir()] == ["old.txt"]
    assert (read_only / "old.txt").read_text() == "old"


async def test_a_file_that_vanishes_while_it_is_read_is_not_found(
    fs: Fs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removed between the look at it and its opening, it gives the same error as if never there."""
    (root / "a").touch()
    check = files._check_regular

    def check_then_remove(*args: Any) -> None:
        check(*args)
        (root / "a").unlink()

    monkeypatch.setattr(files, "_check_regular", check_then_remove)
    with pytest.raises(FileSystemError) as caught:
        await fs("read", "a")
    assert caught.value.reason == "not_found"


async def test_a_cancelled_write_leaves_the_old_file(
    fs: Fs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread cannot be stopped, but it gives up before it replaces the file."""
    (root / "a").write_text("old")
    reached, go_on, done = threading.Event(), threading.Event(), threading.Event()
    sync, write = os.fsync, files.write

    def slow_sync(descriptor: int) -> None:
        reached.set()
        go_on.wait(10)
        sync(descriptor)

    def noted_write(*args: Any, **options: Any) -> int:
        try:
            return write(*args, **options)
        finally:
            done.set()

    monkeypatch.setattr(os, "fsync", slow_sync)
    monkeypatch.setattr(files, "write", noted_write)
    task = asyncio.create_task(fs("write", "a", "new"))  # type: ignore[arg-type]  # a coroutine
    await asyncio.to_thread(reached.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await asyncio.to_thread(done.wait, 10)
    assert {path.name: path.read_text() for path in root.iterdir()} == {"a": "old"}


async def test_other_work_goes_on_while_a_file_is_written(
    fs: Fs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow disk does not hold up the host's event loop."""
    reached, go_on = threading.Event(), threading.Event()
    sync = os.fsync

    def slow_sync(descriptor: int) -> None:
        reached.set()
        go_on.wait(10)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", slow_sync)
    task = asyncio.create_task(fs("write", "slow", "x"))  # type: ignore[arg-type]  # a coroutine
    await asyncio.to_thread(reached.wait, 10)
    assert await fs("exists", "slow") is False
    go_on.set()
    assert await task == 1
