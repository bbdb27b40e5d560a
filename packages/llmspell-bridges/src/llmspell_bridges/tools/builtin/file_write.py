"""The tool `file_write`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmspell_bridges.tools.builtin.doors import files, in_words_of_tools, path_refusal
from llmspell_bridges.tools.builtin.taking import takes
from llmspell_bridges.tools.tool import Tool
from llmspell_core import FileSystemError

if TYPE_CHECKING:
    from llmspell_core import CallContext, PermissionDeniedError


class FileWrite(Tool):
    """Writes a file, whole or not at all."""

    name = "file_write"
    description = (
        "Write a text file. A file that is there is replaced as a whole; folders that are missing "
        "are made. To change a part of a file, use file_edit."
    )
    parameters = takes(
        {
            "path": {"type": "string", "description": "Path of the file, such as notes/today.md"},
            "content": {"type": "string", "description": "The whole text of the file"},
        },
        "path",
        "content",
    )
    effects = ("write",)

    async def refusal(
        self, arguments: dict[str, Any], ctx: CallContext
    ) -> PermissionDeniedError | None:
        """Say whether the file may be written."""
        return await path_refusal(arguments["path"], "write", ctx)

    async def call(self, arguments: dict[str, Any], ctx: CallContext) -> Any:
        """Write it."""
        path, content = arguments["path"], arguments["content"]
        fs = await files(ctx.session)
        with in_words_of_tools(path):
            try:
                size = await fs.write(path, content, ctx=ctx)
            except FileSystemError as error:
                if error.reason != "not_found":
                    raise
                # only now: who may write this file alone need not be granted its folder
                size = await fs.write(path, content, parents=True, ctx=ctx)
        return {"path": path, "bytes": size}
