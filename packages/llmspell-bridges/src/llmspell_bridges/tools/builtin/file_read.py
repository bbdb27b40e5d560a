"""The tool `file_read`."""

from __future__ import annotations

from contextlib import aclosing
from itertools import count
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from llmspell_bridges.llm.sniff import kind_of
from llmspell_bridges.policy.settings import read_settings
from llmspell_bridges.tools.builtin.doors import files, in_words_of_tools, path_refusal
from llmspell_bridges.tools.builtin.taking import takes
from llmspell_bridges.tools.tool import Tool
from llmspell_core import ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from llmspell_core import CallContext, PermissionDeniedError

MIB = 1024 * 1024
IMAGE_BYTES = 10 * MIB


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[tools.file_read]`: the most bytes of text in one answer."""

    max_bytes: Annotated[int, msgspec.Meta(ge=1, le=IMAGE_BYTES)] = MIB


class FileRead(Tool):
    """Reads text, whole or some lines, or an image."""

    name = "file_read"
    description = (
        "Read a file. Text is returned as it is, an image as an image. Of a long text, read some "
        "lines at a time with start_line and max_lines."
    )
    parameters = takes(
        {
            "path": {"type": "string", "description": "Path of the file, such as notes/today.md"},
            "start_line": {
                "type": "integer",
                "minimum": 1,
                "description": "First line to return, counted from 1",
            },
            "max_lines": {
                "type": "integer",
                "minimum": 1,
                "description": "How many lines to return at most",
            },
        },
        "path",
    )
    effects = ("read",)

    def __init__(self, settings: Settings | None = None) -> None:
        """Keep the host's settings."""
        self._settings = settings or Settings()

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Check and take the host's settings."""
        return cls(read_settings(settings, Settings, "tools.file_read"))

    async def refusal(
        self, arguments: dict[str, Any], ctx: CallContext
    ) -> PermissionDeniedError | None:
        """Say whether the file may be read."""
        return await path_refusal(arguments["path"], "read", ctx)

    async def call(self, arguments: dict[str, Any], ctx: CallContext) -> Any:
        """Read it."""
        path = arguments["path"]
        start, most = arguments.get("start_line"), arguments.get("max_lines")
        if start is not None or most is not None:
            return await self._lines(path, start or 1, most, ctx)
        fs = await files(ctx.session)
        limit = self._settings.max_bytes
        remedy = f"the text has more than {limit:,} bytes; use start_line and max_lines"
        with in_words_of_tools(path, remedy):
            data = await fs.read(path, binary=True, max_bytes=IMAGE_BYTES, ctx=ctx)
        assert isinstance(data, bytes)  # noqa: S101 - for the type checker
        kind = kind_of(data)
        if kind is not None and kind.startswith("image/"):
            return {"type": "image", "data": data, "mime_type": kind}
        if len(data) > limit:
            raise ToolError(f"`{path}`: {remedy}")
        try:
            return data.decode()
        except UnicodeDecodeError:
            what = kind or "no UTF-8 text"
            raise ToolError(
                f"`{path}` is {what}: this tool reads text, PNG, JPEG, GIF and WebP"
            ) from None

    async def _lines(self, path: str, start: int, most: int | None, ctx: CallContext) -> str:
        """Read no more of the file than is wanted."""
        fs = await files(ctx.session)
        found: list[str] = []
        size, limit = 0, self._settings.max_bytes
        remedy = f"a line has more than {limit:,} bytes"
        with in_words_of_tools(path, remedy):
            async with aclosing(fs.lines(path, max_bytes=limit, ctx=ctx)) as lines:  # type: ignore[type-var]  # a generator
                for number in count(1):
                    line = await anext(lines, None) if most is None or len(found) < most else None
                    if line is None:
                        break
                    if number < start:
                        continue
                    size += len(line.encode()) + 1
                    if size > limit:
                        what = f"these lines have more than {limit:,} bytes; ask for fewer"
                        raise ToolError(f"`{path}`: {what}")
                    found.append(line)
        return "\n".join(found)
