"""Images by address, for providers that take none: fetched here, by the rules of `http`.

litellm would fetch them itself, for some providers, from this machine: with redirects that nobody
asked for, and without the run's permissions.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import TYPE_CHECKING, Any

from llmspell_bridges.llm.models import known_to
from llmspell_bridges.llm.sniff import kind_of
from llmspell_core import ValidationError

if TYPE_CHECKING:
    from llmspell_bridges.llm.models import Model
    from llmspell_core import CallContext

_FETCHES_ITSELF = (
    *("anthropic", "azure", "groq", "mistral", "openai", "openrouter", "together_ai", "xai"),
)
"""Providers that litellm hands the address of an image to, and that fetch it from where they are."""


class Images:
    """The images of one request, each fetched once whoever is asked."""

    def __init__(self, ctx: CallContext) -> None:
        """Fetch nothing yet."""
        self._ctx = ctx
        self._fetched: dict[str, str] = {}

    async def inline(self, litellm: Any, model: Model, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the request with its images as data, where `model` needs that.

        Raises:
            PermissionDeniedError, NetworkError, BadResponseError: as `http.get` does.
            ValidationError: what is there is no image.
        """
        urls = [image["url"] for image in _images(arguments) if image["url"].startswith("https:")]
        fetches = model.provider in _FETCHES_ITSELF or not known_to(litellm, model.provider)
        if fetches or not urls:
            return arguments
        for url in dict.fromkeys(urls):
            if url not in self._fetched:
                self._fetched[url] = await self._fetch(url)
        messages = [self._with_data(message) for message in arguments["messages"]]
        return {**arguments, "messages": messages}

    def _with_data(self, message: dict[str, Any]) -> dict[str, Any]:
        content = message.get("content")
        if not isinstance(content, list):
            return message
        parts = [
            {**part, "image_url": {**part["image_url"], "url": self._fetched[url]}}
            if (url := part.get("image_url", {}).get("url")) in self._fetched
            else part
            for part in content
        ]
        return {**message, "content": parts}

    async def _fetch(self, url: str) -> str:
        await asyncio.to_thread(_import)
        from llmspell_bridges.http.client import Client
        from llmspell_bridges.http.request import Content, make_request
        from llmspell_bridges.http.settings import HttpSettings

        settings, where = HttpSettings(), self._ctx.where
        options: dict[str, Any] = dict.fromkeys(("headers", "query", "timeout_s", "max_bytes"))
        request = make_request(
            settings, where, "GET", url, content=Content(), follow_redirects=True, **options
        )
        client = Client(self._ctx.session, settings)
        try:
            async with client.open(request) as answer:
                data = await answer.body()
                status = answer.head.status
        finally:
            await client.close()
        kind = kind_of(data)
        if status != 200 or kind is None or not kind.startswith("image/"):  # noqa: PLR2004 - HTTP's "OK"
            text = f"bad argument `messages` to `{where}`: there is no image at {url[:200]}"
            raise ValidationError(text, argument="messages")
        return f"data:{kind};base64,{b64encode(data).decode()}"


def _images(arguments: dict[str, Any]) -> list[dict[str, Any]]:
    contents = [message.get("content") for message in arguments["messages"]]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return [part["image_url"] for part in parts if part.get("type") == "image_url"]


def _import() -> None:
    from llmspell_bridges.http.client import tls_context

    tls_context()
