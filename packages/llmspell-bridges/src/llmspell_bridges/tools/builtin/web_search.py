"""The tool `web_search`: DuckDuckGo without a key, or a provider with the host's.

ddgs knows how DuckDuckGo is asked and how its answer is read; the request itself is ours, so that
it goes where the run may go and nowhere else. ddgs's own client would follow redirects anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from llmspell_bridges.bounded.run import run_bounded
from llmspell_bridges.policy.settings import read_settings
from llmspell_bridges.tools.builtin.doors import web, web_refusal
from llmspell_bridges.tools.builtin.taking import takes
from llmspell_bridges.tools.tool import Tool
from llmspell_core import ConfigurationError, ToolError
from llmspell_core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from llmspell_core import CallContext, PermissionDeniedError, TextRecord

_OK = 200
_MOST_CHARS = 2000
_ADDRESSES = {
    "duckduckgo": "https://html.duckduckgo.com",
    "tavily": "https://api.tavily.com",
    "brave": "https://api.search.brave.com",
}


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[tools.web_search]`: who is asked, where, with which key, how many results, how long."""

    provider: Literal["duckduckgo", "tavily", "brave"] = "duckduckgo"
    base_url: str | None = None
    api_key: Any = None
    max_results: Annotated[int, msgspec.Meta(ge=1, le=50)] = 10
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=30)] = 20.0

    @property
    def address(self) -> str:
        """Where the provider is asked."""
        return (self.base_url or _ADDRESSES[self.provider]).rstrip("/")

    def key(self) -> str:
        """Read the provider's key.

        Raises:
            ConfigurationError: there is none.
        """
        key = self.api_key
        held = Secret.of(key, "key of web_search") if isinstance(key, str) else key
        found = None if held is None else held.get_secret_value()
        if not found:
            what = (
                f"the search provider `{self.provider}` needs a key: api_key in [tools.web_search]"
            )
            raise ConfigurationError(what, key="tools.web_search.api_key")
        return str(found)


class WebSearch(Tool):
    """Searches the web."""

    name = "web_search"
    description = (
        "Search the web. Answers a list of results, each with title, url and snippet; read a page "
        "with web_fetch."
    )
    parameters = takes(
        {
            "query": {
                "type": "string",
                "minLength": 1,
                "maxLength": 400,
                "description": "What to look for",
            },
            "max_results": {
                "type": "integer",
                "minimum": 1,
                "maximum": 50,
                "description": "How many results at most",
            },
        },
        "query",
    )
    effects = ("net",)

    def __init__(self, settings: Settings | None = None) -> None:
        """Keep the host's settings."""
        self._settings = settings or Settings()

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Check and take the host's settings."""
        return cls(read_settings(settings, Settings, "tools.web_search"))

    async def refusal(
        self,
        arguments: dict[str, Any],  # noqa: ARG002 - the provider is the host's choice
        ctx: CallContext,
    ) -> PermissionDeniedError | None:
        """Say whether the provider may be reached."""
        return await web_refusal(self._settings.address, ctx)

    async def health(self, ctx: CallContext) -> None:  # noqa: ARG002 - the provider is not asked
        """Say whether the provider has the key it needs."""
        if self._settings.provider != "duckduckgo":
            self._settings.key()

    async def call(self, arguments: dict[str, Any], ctx: CallContext) -> Any:
        """Ask the provider."""
        most = min(arguments.get("max_results", 50), self._settings.max_results)
        ask = {"duckduckgo": self._duckduckgo, "tavily": self._tavily, "brave": self._brave}
        found = await ask[self._settings.provider](arguments["query"], most, ctx)
        return [_result(*it) for it in found[:most]]

    async def _duckduckgo(self, query: str, _: int, ctx: CallContext) -> list[Any]:
        headers = {"user-agent": "Mozilla/5.0 (compatible; llmspell)"}
        page = await self._send(
            ctx, "POST", "/html/", headers, form={"q": query, "b": "", "l": "us-en"}
        )
        found = await run_bounded(ctx.session, "search_results", {"html": _text(page)})
        return [(it["title"], it["url"], it["snippet"]) for it in found]

    async def _tavily(self, query: str, most: int, ctx: CallContext) -> list[Any]:
        headers = {"authorization": f"Bearer {self._settings.key()}"}
        body = {"query": query, "max_results": most}
        answer = await self._send(ctx, "POST", "/search", headers, json=body)
        found = _list(answer, "results")
        return [(it.get("title"), it.get("url"), it.get("content")) for it in found]

    async def _brave(self, query: str, most: int, ctx: CallContext) -> list[Any]:
        headers = {"x-subscription-token": self._settings.key()}
        asked = {"q": query, "count": min(most, 20)}
        answer = await self._send(ctx, "GET", "/res/v1/web/search", headers, query=asked)
        found = _list(answer, "web", "results")
        return [(it.get("title"), it.get("url"), it.get("description")) for it in found]

    async def _send(
        self,
        ctx: CallContext,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> TextRecord:
        http = await web(ctx.session)
        answer = await http.request(
            method,
            self._settings.address + path,
            headers=headers,
            timeout_s=self._settings.timeout_s,
            ctx=ctx,
            **more,
        )
        status: Any = answer.fields["status"]
        if status != _OK:  # DuckDuckGo says 202 to whom it takes for a machine
            what = f"the search provider `{self._settings.provider}` refuses (status {status})"
            remedy = "try later, or have another provider set in [tools.web_search]"
            raise ToolError(f"{what}; {remedy}", retryable=True)
        return answer


def _text(answer: TextRecord) -> str:
    """Give the page; one that is no text has no results."""
    return "" if "bytes" in answer.fields else str.__str__(answer)


def _list(answer: TextRecord, *path: str) -> list[dict[str, Any]]:
    """Find the results in an answer, which may be anything."""
    found: Any = answer.fields.get("json")
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return [it for it in found if isinstance(it, dict)] if isinstance(found, list) else []


def _result(title: Any, url: Any, snippet: Any) -> dict[str, str]:
    texts = {"title": title, "url": url, "snippet": snippet}
    return {key: str(text or "")[:_MOST_CHARS] for key, text in texts.items()}
