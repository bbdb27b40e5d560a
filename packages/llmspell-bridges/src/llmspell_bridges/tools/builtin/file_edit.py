"""The tool `file_edit`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from llmspell_bridges.tools.builtin.doors import files, in_words_of_tools, path_refusal
from llmspell_bridges.tools.builtin.taking import takes
from llmspell_bridges.tools.tool import Tool
from llmspell_core import ToolError

if TYPE_CHECKING:
    from llmspell_core import CallContext, PermissionDeniedError

MOST_BYTES = 10 * 1024 * 1024


class FileEdit(Tool):
    """Replaces a text that occurs once."""

    name = "file_edit"
    description = (
        "Replace a text in a file by another. old_text must be exactly as it stands in the file, "
        "with its spaces and line ends, and must occur once, unless all is true."
    )
    parameters = takes(
        {
            "path": {"type": "string", "description": "Path of the file"},
            "old_text": {
                "type": "string",
                "minLength": 1,
                "description": "What to replace, with enough around it to occur once",
            },
            "new_text": {"type": "string", "description": "What to put in its place"},
            "all": {"type": "boolean", "description": "Replace every occurrence"},
        },
        "path",
        "old_text",
        "new_text",
    )
    effects = ("read", "write")

    def __init__(self) -> None:
        """Belong to one run: its edits come one after the other, and none is lost."""
        self._turn = asyncio.Lock()

    async def refusal(
        self, arguments: dict[str, Any], ctx: CallContext
    ) -> PermissionDeniedError | None:
        """Say whether the file may be read, and written."""
        path = arguments["path"]
        read = await path_refusal(path, "read", ctx)
        return read or await path_refusal(path, "write", ctx)

    async def call(self, arguments: dict[str, Any], ctx: CallContext) -> Any:
        """Read, replace, write."""
        path, old = arguments["path"], arguments["old_text"].encode()
        fs = await files(ctx.session)
        too_large = f"it has more than {MOST_BYTES:,} bytes, too many to edit"
        async with self._turn:
            with in_words_of_tools(path, too_large):
                data = await fs.read(path, binary=True, max_bytes=MOST_BYTES, ctx=ctx)
            assert isinstance(data, bytes)  # noqa: S101 - for the type checker
            times = data.count(old)
            if times == 0:
                raise ToolError(
                    f"`{path}` does not hold old_text; read the file and copy it exactly"
                )
            if times > 1 and not arguments.get("all"):
                what = "give more of the text around it, or all = true"
                raise ToolError(f"`{path}` holds old_text {times:,} times; {what}")
            grown = len(data) + times * (len(arguments["new_text"].encode()) - len(old))
            if grown > MOST_BYTES:
                raise ToolError(f"`{path}` would have {grown:,} bytes, more than {MOST_BYTES:,}")
            with in_words_of_tools(path):
                changed = data.replace(old, arguments["new_text"].encode())
                await fs.write(path, changed, ctx=ctx)
        return {"path": path, "replaced": times}
