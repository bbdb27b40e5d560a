"""The tool `web_fetch`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from llmspell_bridges.bounded.run import run_bounded
from llmspell_bridges.llm.sniff import kind_of
from llmspell_bridges.policy.settings import read_settings
from llmspell_bridges.tools.builtin.doors import web, web_refusal
from llmspell_bridges.tools.builtin.taking import takes
from llmspell_bridges.tools.tool import Tool
from llmspell_core import TextRecord, ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from llmspell_core import CallContext, PermissionDeniedError

MIB = 1024 * 1024
_HTML = ("text/html", "application/xhtml+xml")
_TEXTS = ("application/json", "application/xml", "application/javascript", "application/toml")
_ERROR_FROM = 400


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[tools.web_fetch]`: the most bytes of a page, characters of an answer, and seconds."""

    max_bytes: Annotated[int, msgspec.Meta(ge=1, le=10 * MIB)] = 5 * MIB
    max_chars: Annotated[int, msgspec.Meta(ge=1, le=MIB)] = 100_000
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=30)] = 30.0


class WebFetch(Tool):
    """Gets a page and gives what a person would read of it."""

    name = "web_fetch"
    description = (
        "Read a web page: its text without menus and scripts, with the addresses of its links. "
        "Also reads plain text, Markdown, JSON, and images."
    )
    parameters = takes(
        {
            "url": {"type": "string", "description": "The page's address, https://HOST/…"},
            "start": {
                "type": "integer",
                "minimum": 0,
                "description": "Where to go on in a long text: the number of characters to leave out",
            },
        },
        "url",
    )
    effects = ("net",)

    def __init__(self, settings: Settings | None = None) -> None:
        """Keep the host's settings."""
        self._settings = settings or Settings()

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Check and take the host's settings."""
        return cls(read_settings(settings, Settings, "tools.web_fetch"))

    async def refusal(
        self, arguments: dict[str, Any], ctx: CallContext
    ) -> PermissionDeniedError | None:
        """Say whether the host may be reached."""
        return await web_refusal(arguments["url"], ctx)

    async def call(self, arguments: dict[str, Any], ctx: CallContext) -> Any:
        """Get it, and read it in a child process: pages are hostile."""
        http = await web(ctx.session)
        answer = await http.get(
            arguments["url"],
            headers={"accept": "text/html, text/*;q=0.9, */*;q=0.5"},
            timeout_s=self._settings.timeout_s,
            max_bytes=self._settings.max_bytes,
            binary=True,
            ctx=ctx,
        )
        fields: Any = answer.fields
        data, url, status = fields["bytes"], fields["url"], fields["status"]
        if status >= _ERROR_FROM:
            raise ToolError(f"{url[:500]} answered with the status {status}: there is no such page")
        kind = kind_of(data)
        if kind is not None and kind.startswith("image/"):
            return {"type": "image", "data": data, "mime_type": kind}
        media, charset = _media_type(fields["headers"])
        if media in _HTML or (not media and data.lstrip()[:1] == b"<"):
            given = {"html": data, "charset": charset}
            page = await run_bounded(
                ctx.session, "readable", given, timeout_s=self._settings.timeout_s
            )
            return self._cut(page["text"], arguments, {"url": url, "title": page["title"]})
        if media and not (media.startswith("text/") or media in _TEXTS or media.endswith("+json")):
            raise ToolError(
                f"{url[:500]} is {kind or media[:100]}: this tool reads pages, text and images"
            )
        try:
            text = data.decode(charset)
        except (UnicodeDecodeError, LookupError):
            raise ToolError(f"{url[:500]} is no text") from None
        return self._cut(text, arguments, {"url": url})

    def _cut(self, text: str, arguments: dict[str, Any], fields: dict[str, Any]) -> TextRecord:
        """Give as much as may be given at once, and say what is left."""
        start, most = arguments.get("start", 0), self._settings.max_chars
        piece, left = text[start : start + most], len(text) - start - most
        if left > 0:
            fields["next_start"] = start + most
            piece += f"\n\n[{left:,} characters are left; go on with start = {start + most}]"
        return TextRecord(piece, fields)


def _media_type(headers: dict[str, str]) -> tuple[str, str]:
    from llmspell_bridges.http.response import Head

    head = Head(status=200, url="", headers=headers)
    return head.content_type, head.charset
