"""The tool `http_request`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from llmspell_bridges.policy.settings import read_settings
from llmspell_bridges.tools.builtin.doors import web, web_refusal
from llmspell_bridges.tools.builtin.taking import takes
from llmspell_bridges.tools.tool import Tool

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from llmspell_core import CallContext, PermissionDeniedError

MIB = 1024 * 1024


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[tools.http_request]`: the most bytes of an answer's body, and seconds for all of it."""

    max_bytes: Annotated[int, msgspec.Meta(ge=1, le=10 * MIB)] = MIB
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=30)] = 30.0


class HttpRequest(Tool):
    """Sends one request, as `http.request` does."""

    name = "http_request"
    description = (
        "Send an HTTP request, for instance to an API. The answer has status, ok, url, headers, and "
        "the body as json or text. To read a web page, use web_fetch."
    )
    parameters = takes(
        {
            "url": {"type": "string", "description": "The address, https://HOST/…"},
            "method": {
                "type": "string",
                "enum": ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"],
                "description": "GET if left out",
            },
            "headers": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "Request headers by name",
            },
            "query": {"type": "object", "description": "Parameters to add to the address"},
            "json": {"description": "A value to send as JSON"},
            "body": {"type": "string", "description": "A text to send instead"},
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
        return cls(read_settings(settings, Settings, "tools.http_request"))

    async def refusal(
        self, arguments: dict[str, Any], ctx: CallContext
    ) -> PermissionDeniedError | None:
        """Say whether the host may be reached."""
        return await web_refusal(arguments["url"], ctx)

    async def call(self, arguments: dict[str, Any], ctx: CallContext) -> Any:
        """Send it; an error status is an answer."""
        http = await web(ctx.session)
        answer = await http.request(
            arguments.get("method", "GET"),
            arguments["url"],
            arguments.get("body"),
            json=arguments.get("json"),
            headers=arguments.get("headers"),
            query=arguments.get("query"),
            timeout_s=self._settings.timeout_s,
            max_bytes=self._settings.max_bytes,
            ctx=ctx,
        )
        fields = dict(answer.fields)
        text = fields.pop("content")
        fields.pop("json_error", None)
        return fields if "json" in fields or "bytes" in fields else {**fields, "text": text}
