"""The tool `file_list`."""

from __future__ import annotations

import re
from fnmatch import translate
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from llmspell_bridges.policy.settings import read_settings
from llmspell_bridges.tools.builtin.doors import files, in_words_of_tools, path_refusal
from llmspell_bridges.tools.builtin.taking import takes
from llmspell_bridges.tools.tool import Tool
from llmspell_core import FileSystemError, PermissionDeniedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from llmspell_core import CallContext

_MOST_FOLDERS = 2000
_DEPTH = 30


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[tools.file_list]`: the most entries of one answer."""

    max_entries: Annotated[int, msgspec.Meta(ge=1, le=20_000)] = 1000


class FileList(Tool):
    """Lists a folder, or all below it; links are not followed."""

    name = "file_list"
    description = (
        "List the files in a folder, or with recursive all below it. Each entry has a name (its "
        "path below the folder), a type (file, folder, link, other) and a size in bytes."
    )
    parameters = takes(
        {
            "path": {"type": "string", "description": "The folder; the working folder if left out"},
            "pattern": {
                "type": "string",
                "maxLength": 100,
                "description": "Only names like this, such as *.md; * and ? stand for anything",
            },
            "recursive": {"type": "boolean", "description": "List the folders below it as well"},
        }
    )
    effects = ("read",)

    def __init__(self, settings: Settings | None = None) -> None:
        """Keep the host's settings."""
        self._settings = settings or Settings()

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Check and take the host's settings."""
        return cls(read_settings(settings, Settings, "tools.file_list"))

    async def refusal(
        self, arguments: dict[str, Any], ctx: CallContext
    ) -> PermissionDeniedError | None:
        """Say whether the folder may be read."""
        return await path_refusal(arguments.get("path", "."), "read", ctx)

    async def call(self, arguments: dict[str, Any], ctx: CallContext) -> Any:
        """List it; what is too much is left out, and said to be."""
        pattern = arguments.get("pattern")
        wanted = None if pattern is None else re.compile(translate(pattern))
        fs, root, most = (
            await files(ctx.session),
            arguments.get("path", "."),
            self._settings.max_entries,
        )
        found: list[dict[str, Any]] = []
        waiting, seen, cut = [""], 0, False
        while waiting:
            below = waiting.pop()
            seen += 1
            if seen > _MOST_FOLDERS:
                cut = True
                break
            try:
                with in_words_of_tools(root):
                    entries = await fs.list(f"{root}/{below}" if below else root, ctx=ctx)
            except (FileSystemError, PermissionDeniedError):
                if not below:
                    raise
                continue  # it is gone, or closed to the user: the others are listed
            folders = []
            for entry in entries:
                name = f"{below}/{entry['name']}" if below else entry["name"]
                if entry["type"] == "folder" and arguments.get("recursive"):
                    folders.append(name)
                if wanted is None or wanted.fullmatch(entry["name"]):
                    found.append({**entry, "name": name})
            cut = cut or any(name.count("/") >= _DEPTH for name in folders)
            waiting += [name for name in reversed(folders) if name.count("/") < _DEPTH]
            if len(found) > most:
                cut = True
                break
        answer: dict[str, Any] = {"entries": sorted(found[:most], key=lambda it: it["name"])}
        return {**answer, "truncated": True} if cut else answer
