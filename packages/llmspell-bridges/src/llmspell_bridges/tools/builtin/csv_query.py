"""The tool `csv_query`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from llmspell_bridges.bounded.run import run_bounded
from llmspell_bridges.policy.settings import read_settings
from llmspell_bridges.tools.builtin.doors import files, in_words_of_tools, path_refusal
from llmspell_bridges.tools.builtin.taking import takes
from llmspell_bridges.tools.tool import Tool

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from llmspell_core import CallContext, PermissionDeniedError

MIB = 1024 * 1024


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[tools.csv_query]`: the most bytes of a file, rows of an answer, and seconds for a query."""

    max_bytes: Annotated[int, msgspec.Meta(ge=1, le=100 * MIB)] = 20 * MIB
    max_rows: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1000
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 10.0


class CsvQuery(Tool):
    """Asks a CSV file in SQL."""

    name = "csv_query"
    description = (
        "Ask a CSV file in SQL (SQLite's). The file is the table `csv`, its first line names the "
        "columns. Answers a list of rows. Start with: SELECT * FROM csv LIMIT 3"
    )
    parameters = takes(
        {
            "path": {"type": "string", "description": "Path of the CSV file"},
            "sql": {
                "type": "string",
                "description": "One SELECT, such as SELECT city, sum(amount) AS total FROM csv GROUP BY city",
            },
            "delimiter": {
                "type": "string",
                "minLength": 1,
                "maxLength": 1,
                "description": "What stands between two cells; found out if left out",
            },
        },
        "path",
        "sql",
    )
    effects = ("read",)

    def __init__(self, settings: Settings | None = None) -> None:
        """Keep the host's settings."""
        self._settings = settings or Settings()

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Check and take the host's settings."""
        return cls(read_settings(settings, Settings, "tools.csv_query"))

    async def refusal(
        self, arguments: dict[str, Any], ctx: CallContext
    ) -> PermissionDeniedError | None:
        """Say whether the file may be read."""
        return await path_refusal(arguments["path"], "read", ctx)

    async def call(self, arguments: dict[str, Any], ctx: CallContext) -> Any:
        """Read the file here, under the run's policy, and ask it in a child process."""
        path, most = arguments["path"], self._settings.max_bytes
        fs = await files(ctx.session)
        with in_words_of_tools(path, f"it has more than {most:,} bytes"):
            data = await fs.read(path, binary=True, max_bytes=most, ctx=ctx)
        given = {
            "text": data,
            "sql": arguments["sql"],
            "delimiter": arguments.get("delimiter"),
            "max_rows": self._settings.max_rows,
        }
        return await run_bounded(
            ctx.session, "csv_query", given, timeout_s=self._settings.timeout_s
        )
