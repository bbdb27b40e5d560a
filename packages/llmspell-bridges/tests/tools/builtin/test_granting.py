"""What a tool needs: the permission of its name, and of what it does."""

from __future__ import annotations

from typing import Any

import pytest

from llmspell_core import PermissionDeniedError, ValidationError

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("tool", "args", "flags"),
    [
        ("file_read", ["a.txt"], "--allow-tool=file_read --allow-read=a.txt"),
        ("file_write", ["a.txt", "x"], "--allow-tool=file_write --allow-write=a.txt"),
        ("file_list", [], "--allow-tool=file_list --allow-read=."),
        ("file_edit", ["a.txt", "x", "y"], "--allow-tool=file_edit --allow-read=a.txt"),
        ("csv_query", ["a.csv", "SELECT 1"], "--allow-tool=csv_query --allow-read=a.csv"),
        (
            "http_request",
            ["https://example.org/"],
            "--allow-tool=http_request --allow-net=example.org",
        ),
        ("web_fetch", ["https://example.org/"], "--allow-tool=web_fetch --allow-net=example.org"),
        ("web_search", ["x"], "--allow-tool=web_search --allow-net=html.duckduckgo.com"),
        ("calculator", ["1"], "--allow-tool=calculator"),
        ("datetime", [], "--allow-tool=datetime"),
        ("json_query", ["@", 1], "--allow-tool=json_query"),
    ],
)
async def test_a_refusal_names_all_that_is_missing(
    run: Any, tool: str, args: list[Any], flags: str
) -> None:
    """In one sentence; nothing was done."""
    use = run(tool=False, read=False, write=False, net=False)
    with pytest.raises(PermissionDeniedError) as caught:
        await use(tool, *args)
    assert caught.value.flag == flags
    assert flags in caught.value.message


async def test_wrong_arguments_are_no_second_refusal(run: Any) -> None:
    """The tool's own permission comes first; what is wrong is said once it is granted."""
    with pytest.raises(PermissionDeniedError, match=r"--allow-tool=file_read$"):
        await run(tool=False)("file_read", 1)
    with pytest.raises(ValidationError, match=r"bad argument `path` to `tools.file_read`"):
        await run()("file_read", 1)


async def test_who_is_asked_is_asked_once_for_both(run: Any, root: Any) -> None:
    """And what was granted is used."""
    asked: list[Any] = []

    async def ask(question: Any) -> bool:
        asked.append([(want.effect, want.name) for want in question.wants])
        return True

    (root / "a.txt").write_text("hi")
    use = run(ask=ask, tool=False, read=False)
    assert await use("file_read", "a.txt") == "hi"
    assert asked == [[("tool", "file_read"), ("read", str(root / "a.txt"))]]


async def test_a_tool_is_granted_by_its_name_alone(run: Any) -> None:
    """One does not open another."""
    use = run(tool=("calculator",))
    assert await use("calculator", "1 + 1") == 2
    with pytest.raises(PermissionDeniedError, match=r"--allow-tool=datetime"):
        await use("datetime")


async def test_every_tool_describes_itself_to_models(use: Any) -> None:
    """Each argument has a description; a wrong one is refused."""
    for name in await use("list"):
        described = await use("schema", name)
        assert described["description"]
        for argument in described["parameters"]["properties"].values():
            assert argument["description"]
        assert described["parameters"]["additionalProperties"] is False
