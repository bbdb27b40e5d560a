"""The tool `json_query`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from llmspell_bridges.bounded.run import run_bounded
from llmspell_bridges.policy.settings import read_settings
from llmspell_bridges.tools.builtin.doors import files, in_words_of_tools, path_refusal
from llmspell_bridges.tools.builtin.taking import takes
from llmspell_bridges.tools.tool import Tool
from llmspell_core import ToolError
from llmspell_core.values import plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from llmspell_core import CallContext, PermissionDeniedError

MIB = 1024 * 1024


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[tools.json_query]`: the most bytes of a file, and seconds for a query."""

    max_bytes: Annotated[int, msgspec.Meta(ge=1, le=100 * MIB)] = 20 * MIB
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 10.0


class JsonQuery(Tool):
    """Asks JSON in JMESPath."""

    name = "json_query"
    description = (
        "Take a part out of JSON, by a JMESPath query such as people[?age > `30`].name. The JSON is "
        "data (a value, or its text) or the file at path."
    )
    parameters = takes(
        {
            "query": {"type": "string", "maxLength": 2000, "description": "A JMESPath query"},
            "data": {"description": "A value, or a text that holds JSON"},
            "path": {"type": "string", "description": "Path of a JSON file, instead of data"},
        },
        "query",
    )
    effects = ("read",)

    def __init__(self, settings: Settings | None = None) -> None:
        """Keep the host's settings."""
        self._settings = settings or Settings()

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Check and take the host's settings."""
        return cls(read_settings(settings, Settings, "tools.json_query"))

    async def refusal(
        self, arguments: dict[str, Any], ctx: CallContext
    ) -> PermissionDeniedError | None:
        """Say whether the file may be read, if there is one."""
        if "path" not in arguments:
            return None
        return await path_refusal(arguments["path"], "read", ctx)

    async def call(self, arguments: dict[str, Any], ctx: CallContext) -> Any:
        """Ask it in a child process: a short query can make a long answer."""
        if ("data" in arguments) == ("path" in arguments):
            raise ToolError("give either data or path")
        given: dict[str, Any] = {"query": arguments["query"]}
        data = arguments.get("data")
        if "path" in arguments:
            given["text"] = await self._file(arguments["path"], ctx)
        elif isinstance(data, str):
            given["text"] = data.encode()
        else:
            given["data"] = plain(data)
        return await run_bounded(
            ctx.session, "json_query", given, timeout_s=self._settings.timeout_s
        )

    async def _file(self, path: str, ctx: CallContext) -> bytes:
        fs, most = await files(ctx.session), self._settings.max_bytes
        with in_words_of_tools(path, f"it has more than {most:,} bytes"):
            data = await fs.read(path, binary=True, max_bytes=most, ctx=ctx)
        assert isinstance(data, bytes)  # noqa: S101 - for the type checker
        return data
