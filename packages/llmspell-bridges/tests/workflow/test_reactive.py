"""Steps that run when what they watch changes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from llmspell_bridges.workflow.sources import file_changes
from llmspell_core import (
    FileSystemError,
    PermissionDeniedError,
    Permissions,
    Session,
    ValidationError,
    WorkflowError,
)
from llmspell_core.dispatch import call

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio


async def changes(folder: Path, pattern: str, grant: tuple[str, ...], names: list[str]) -> set[str]:
    """Watch, write files until the first change is seen, and name what was seen by then."""
    session = Session(permissions=Permissions(read=grant), settings={"fs": {"root": str(folder)}})
    source = await file_changes(pattern, session)
    following = asyncio.ensure_future(anext(source))
    count = 0
    while not following.done():  # the watch begins in a thread: nothing tells when
        count += 1
        for name in names:
            (folder / name).write_text(str(count))
        await asyncio.wait({following}, timeout=0.1)
    seen = {following.result()["path"]}
    await source.aclose()
    return seen


@pytest.mark.parametrize(
    ("pattern", "grant", "names", "seen"),
    [
        ("a.txt", ("a.txt",), ["b.txt", "a.txt"], "a.txt"),
        ("docs/*.md", ("docs",), ["docs/a.txt", "docs/b.md"], "docs/b.md"),
        ("docs", ("docs",), ["docs/c.txt"], "docs/c.txt"),
    ],
)
async def test_a_change_is_an_event(
    tmp_path: Path, pattern: str, grant: tuple[str, ...], names: list[str], seen: str
) -> None:
    """Of the file, of a folder's files, of those whose name fits; of no other."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "a.txt").touch()
    assert await changes(tmp_path, pattern, grant, names) == {seen}


@pytest.mark.parametrize(
    ("pattern", "grant"),
    [("a.txt", "b.txt"), ("docs/*.md", "docs/a.md"), ("../x", "."), ("docs/link/x", "docs")],
)
async def test_what_may_not_be_read_is_not_watched(
    tmp_path: Path, pattern: str, grant: str
) -> None:
    """A pattern needs its folder; links are followed before they are judged."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "link").symlink_to("/etc")
    session = Session(
        permissions=Permissions(read=(grant,)), settings={"fs": {"root": str(tmp_path)}}
    )
    with pytest.raises(PermissionDeniedError, match="--allow-read"):
        await file_changes(pattern, session)


async def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    """Before anything runs."""
    session = Session(permissions=Permissions(read=True), settings={"fs": {"root": str(tmp_path)}})
    with pytest.raises(FileSystemError, match="there is no such folder"):
        await file_changes("nowhere/*.md", session)


async def test_a_pattern_is_bounded(tmp_path: Path) -> None:
    """Many stars take long to compare."""
    session = Session(permissions=Permissions(read=True), settings={"fs": {"root": str(tmp_path)}})
    with pytest.raises(ValidationError, match="more than 4"):
        await file_changes("*a*a*a*a*a", session)


async def test_leaving_it_stops_the_steps(lab: Any) -> None:
    """Nothing goes on."""
    started, ended = asyncio.Event(), asyncio.Event()

    async def hangs(*_: Any) -> None:
        started.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            ended.set()

    flow = lab.flow("reactive", {"name": "t", "on": {"every_ms": 1}, "run": hangs})
    stream = await lab.ask(flow, "run_with_progress")
    await call(lab.session, stream.id, "next", [1])
    await started.wait()
    await lab.session.handles.release(stream.id)
    assert ended.is_set()


async def test_a_step_that_fails_ends_it(lab: Any) -> None:
    """Unless it may go on; the others are stopped."""

    def fails(*_: Any) -> None:
        raise WorkflowError("no")

    on = {"every_ms": 1}
    flow = lab.flow("reactive", {"name": "t", "on": on, "run": fails})
    with pytest.raises(WorkflowError, match="the step `t` failed: no"):
        await lab.run(flow)
    goes_on = {"name": "t", "on": on, "run": fails, "on_error": "continue"}
    result = await lab.run(lab.flow("reactive", goes_on, max_events=3))
    assert (result["status"], result["events"]) == ("max_events", 3)


async def test_events_that_come_while_a_step_works_are_left_out(lab: Any) -> None:
    """A timer does not pile up."""
    counts: list[int] = []

    async def works(_: Any, __: Any, event: Any) -> None:
        counts.append(event["count"])
        await asyncio.sleep(0.03)

    flow = lab.flow("reactive", {"name": "t", "on": {"every_ms": 1}, "run": works}, max_events=3)
    await lab.run(flow)
    assert counts == [1, 2, 3]


@pytest.mark.parametrize(
    ("steps", "error"),
    [
        ([{"name": "a"}], "needs an `on`"),
        ([{"name": "a", "on": {"step": "b"}}], "waits for `b`, which is no step"),
        ([{"name": "a", "on": {"step": "a"}}], "set each other off: a → a"),
    ],
)
async def test_what_would_never_begin_or_end_is_found(lab: Any, steps: Any, error: str) -> None:
    """Before anything runs."""
    made = [{"run": lambda *_: 1, **step} for step in steps]
    found = await lab.ask(lab.flow("reactive", *made), "validate")
    assert error in " ".join(found["errors"])
