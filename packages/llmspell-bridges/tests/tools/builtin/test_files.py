"""The tools for files: what they answer, what they bound, and that the policy of `fs` is theirs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_core import PermissionDeniedError, TextRecord, ToolError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio
PNG = b"\x89PNG\r\n\x1a\n rest"


async def test_an_image_is_read_as_one(use: Any, root: Path) -> None:
    """A model sees it."""
    (root / "a.txt").write_bytes(PNG)
    answer = await use("file_read", "a.txt")
    assert answer == {"type": "image", "data": PNG, "mime_type": "image/png"}


async def test_what_is_no_text_is_refused(use: Any, root: Path) -> None:
    """The error says what it is."""
    (root / "a").write_bytes(b"%PDF-1.7 \xff")
    with pytest.raises(ToolError, match=r"`a` is application/pdf: this tool reads text"):
        await use("file_read", "a")


async def test_lines_are_those_of_a_text(use: Any, root: Path) -> None:
    """Of what is none, the error says what a tool can do."""
    (root / "a").write_bytes(b"a\n\xff\n")
    with pytest.raises(ToolError, match=r"`a`: it is no UTF-8 text; the tool `file_read`"):
        await use("file_read", {"path": "a", "start_line": 1})


async def test_a_long_text_is_read_in_parts(run: Any, root: Path) -> None:
    """The error says how; of the file no more is read than was asked for."""
    use = run({"file_read": {"max_bytes": 100}})
    (root / "a.txt").write_text("".join(f"line {n}\n" for n in range(1, 1001)))
    with pytest.raises(ToolError, match=r"more than 100 bytes; use start_line and max_lines"):
        await use("file_read", "a.txt")
    answer = await use("file_read", {"path": "a.txt", "start_line": 500, "max_lines": 2})
    assert answer == "line 500\nline 501"
    assert await use("file_read", {"path": "a.txt", "start_line": 1000}) == "line 1000"
    with pytest.raises(ToolError, match=r"these lines have more than 100 bytes; ask for fewer"):
        await use("file_read", {"path": "a.txt", "start_line": 1, "max_lines": 50})


async def test_a_missing_file_names_the_tool_that_lists(use: Any) -> None:
    """A model knows tools, not methods."""
    with pytest.raises(ToolError, match=r"`a.txt`: there is no such file .* `file_list`") as caught:
        await use("file_read", "a.txt")
    assert caught.value.details["cause"]["kind"] == "filesystem"  # type: ignore[index, call-overload]


async def test_a_file_may_be_written_without_its_folder(run: Any, root: Path) -> None:
    """A grant of one file is enough where its folder is there; else that is asked for."""
    (root / "out").mkdir()
    use = run(write=("out/a.txt", "new/a.txt"))
    assert await use("file_write", "out/a.txt", "hi") == {"path": "out/a.txt", "bytes": 2}
    with pytest.raises(PermissionDeniedError, match=r"writing `new` is not permitted"):
        await use("file_write", "new/a.txt", "hi")


async def test_a_text_record_is_a_text(use: Any, root: Path) -> None:
    """An agent's answer is written as it is."""
    await use("file_write", "a/b/c.txt", TextRecord("hi", {"usage": 1}))
    assert (root / "a/b/c.txt").read_text() == "hi"


@pytest.mark.parametrize(
    ("tool", "rest", "how"),
    [
        ("file_read", [], "reading"),
        ("file_list", [], "reading"),
        ("csv_query", ["SELECT 1"], "reading"),
        ("file_write", ["x"], "writing"),
        ("file_edit", ["a", "b"], "reading"),
    ],
)
async def test_a_link_leads_nowhere_that_is_not_granted(
    use: Any, root: Path, tool: str, rest: list[str], how: str
) -> None:
    """The tools have the paths' policy of `fs`: what a link leads to has to be granted itself."""
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "a.txt").write_text("a")
    (root / "link").symlink_to(outside if tool == "file_list" else outside / "a.txt")
    with pytest.raises(PermissionDeniedError, match=rf"{how} `link` .* it leads to `.*outside"):
        await use(tool, "link", *rest)
    assert (outside / "a.txt").read_text() == "a"


async def test_json_is_read_under_the_same_policy(use: Any, root: Path) -> None:
    """By its `path`."""
    (root.parent / "a.json").write_text("[1]")
    with pytest.raises(PermissionDeniedError, match=r"reading `.*a.json` is not permitted"):
        await use("json_query", {"query": "@", "path": "../a.json"})


async def test_what_is_protected_stays_so(run: Any, root: Path) -> None:
    """The host's own settings of `fs` hold, though no spell names it."""
    use = run(read=True, write=True)
    use.session.settings["fs"]["protected"] = [str(root / "config")]
    (root / "config").mkdir()
    with pytest.raises(PermissionDeniedError):
        await use("file_write", "config/a.txt", "hi")


async def test_edits_at_the_same_time_are_all_made(use: Any, root: Path) -> None:
    """An agent may call a tool several times at once."""
    (root / "a.txt").write_text(" ".join(f"<{n}>" for n in range(20)))
    await asyncio.gather(*[use("file_edit", "a.txt", f"<{n}>", f"{n}") for n in range(20)])
    assert (root / "a.txt").read_text() == " ".join(map(str, range(20)))


async def test_an_edit_leaves_the_rest_as_it_is(use: Any, root: Path) -> None:
    """Line ends, and bytes that are no text."""
    (root / "a.txt").write_bytes(b"one\r\ntwo\r\n\xff")
    await use("file_edit", "a.txt", "two", "2")
    assert (root / "a.txt").read_bytes() == b"one\r\n2\r\n\xff"


async def test_an_edit_grows_no_file_without_end(use: Any, root: Path) -> None:
    """Every occurrence replaced by something long."""
    (root / "a.txt").write_text("a" * 1_000_000)
    grow = {"path": "a.txt", "old_text": "a", "new_text": "b" * 100, "all": True}
    with pytest.raises(ToolError, match=r"would have 100,000,000 bytes, more than 10,485,760"):
        await use("file_edit", grow)


async def test_a_list_is_bounded_and_follows_no_link(run: Any, root: Path) -> None:
    """What is left out is said to be."""
    use = run({"file_list": {"max_entries": 3}})
    (root / "a/b").mkdir(parents=True)
    (root / "a/b/x.md").write_text("x")
    (root / "a/loop").symlink_to(root)
    answer = await use("file_list", {"recursive": True, "pattern": "*.md"})
    assert answer == {"entries": [{"name": "a/b/x.md", "type": "file", "size": 1}]}
    for n in range(5):
        (root / f"{n}.txt").touch()
    answer = await use("file_list", {"recursive": True})
    assert (len(answer["entries"]), answer["truncated"]) == (3, True)


async def test_a_pattern_takes_no_time(use: Any, root: Path) -> None:
    """Whatever stars it has."""
    (root / ("a" * 250)).touch()
    answer = await use("file_list", {"pattern": "*a" * 49 + "b"})
    assert answer == {"entries": []}
