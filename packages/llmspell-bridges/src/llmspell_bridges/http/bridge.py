"""Requests for spells: checked by `NetPolicy`, sent by `Client`."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from llmspell_bridges.data import Data
from llmspell_bridges.http.settings import HttpSettings
from llmspell_core import Bridge, CallContext, Session, UnsupportedError, method
from llmspell_core.values import TextRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llmspell_bridges.http.client import Answer, Client
    from llmspell_bridges.http.request import Request

Url = Annotated[str, "The address, https://HOST/…; http:// for loopback only"]
Headers = Annotated[dict[str, str] | None, "Request headers by name"]
Query = Annotated[dict[str, Any] | None, "Added to the address: texts, numbers, booleans, lists"]
Json = Annotated[Any, "A value to send as JSON"]
Form = Annotated[dict[str, Any] | None, "Fields to send as a form"]
Body = Annotated[Data | None, "A body to send as it is"]
Timeout = Annotated[
    Annotated[float, msgspec.Meta(gt=0)] | None, "Seconds for all of it; default 30"
]
MaxBytes = Annotated[
    Annotated[int, msgspec.Meta(ge=1)] | None, "The most bytes of a body; default 10 MiB"
]
Follow = Annotated[bool, "Follow redirects, at most ten; each is checked again"]
Binary = Annotated[bool, "Leave the body as bytes, in the field `bytes`"]

_ANSWER = "The body's text, with the fields status, ok, headers, url, json; or bytes"
_EXAMPLE = {"url": "https://example.org/"}
_ERROR_FROM = 400


class HttpBridge(Bridge):
    """Sends requests to the hosts that the run was granted."""

    name = "http"
    scope = "run"
    by_name = True

    def __init__(
        self, settings: HttpSettings | None = None, session: Session | None = None
    ) -> None:
        """Keep the settings; without a `session` no host is granted."""
        self._settings = settings or HttpSettings()
        self._session = session or Session()
        self._client: Client | None = None
        self._starting: asyncio.Lock | None = None

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> HttpBridge:
        """Make the bridge from the host's settings; see `HttpSettings`."""
        return cls(HttpSettings.read(settings))

    def for_run(self, session: Session) -> HttpBridge:
        """Make the instance of one run, with its grants."""
        return type(self)(self._settings, session)

    async def close(self) -> None:
        """Close the run's connections."""
        if self._client is not None:
            await self._client.close()

    @method(effects=("net",), example=_EXAMPLE, returns=_ANSWER)
    async def get(
        self,
        url: Url,
        *,
        headers: Headers = None,
        query: Query = None,
        timeout_s: Timeout = None,
        max_bytes: MaxBytes = None,
        follow_redirects: Follow = True,
        binary: Binary = False,
        ctx: CallContext,
    ) -> TextRecord:
        """Get what is at an address; an error status is an answer, with `ok` false."""
        options = _options(headers, query, timeout_s, max_bytes, follow_redirects)
        return await self._send(ctx, "GET", url, options, binary=binary)

    @method(effects=("net",), example={**_EXAMPLE, "json": {"n": 1}}, returns=_ANSWER)
    async def post(
        self,
        url: Url,
        body: Body = None,
        *,
        json: Json = None,
        form: Form = None,
        headers: Headers = None,
        query: Query = None,
        timeout_s: Timeout = None,
        max_bytes: MaxBytes = None,
        follow_redirects: Follow = True,
        binary: Binary = False,
        ctx: CallContext,
    ) -> TextRecord:
        """Send a body, a form or JSON to an address."""
        options = _options(headers, query, timeout_s, max_bytes, follow_redirects)
        content = {"json": json, "form": form, "body": body}
        return await self._send(ctx, "POST", url, options, content, binary=binary)

    @method(effects=("net",), example={**_EXAMPLE, "body": "text"}, returns=_ANSWER)
    async def put(
        self,
        url: Url,
        body: Body = None,
        *,
        json: Json = None,
        form: Form = None,
        headers: Headers = None,
        query: Query = None,
        timeout_s: Timeout = None,
        max_bytes: MaxBytes = None,
        follow_redirects: Follow = True,
        binary: Binary = False,
        ctx: CallContext,
    ) -> TextRecord:
        """Put a body, a form or JSON in the place of what is at an address."""
        options = _options(headers, query, timeout_s, max_bytes, follow_redirects)
        content = {"json": json, "form": form, "body": body}
        return await self._send(ctx, "PUT", url, options, content, binary=binary)

    @method(effects=("net",), example=_EXAMPLE, returns=_ANSWER)
    async def delete(
        self,
        url: Url,
        *,
        headers: Headers = None,
        query: Query = None,
        timeout_s: Timeout = None,
        max_bytes: MaxBytes = None,
        follow_redirects: Follow = True,
        binary: Binary = False,
        ctx: CallContext,
    ) -> TextRecord:
        """Delete what is at an address."""
        options = _options(headers, query, timeout_s, max_bytes, follow_redirects)
        return await self._send(ctx, "DELETE", url, options, binary=binary)

    @method(effects=("net",), example={"method": "PATCH", **_EXAMPLE}, returns=_ANSWER)
    async def request(
        self,
        method: Annotated[str, "DELETE, GET, HEAD, OPTIONS, PATCH, POST or PUT"],
        url: Url,
        body: Body = None,
        *,
        json: Json = None,
        form: Form = None,
        headers: Headers = None,
        query: Query = None,
        timeout_s: Timeout = None,
        max_bytes: MaxBytes = None,
        follow_redirects: Follow = True,
        binary: Binary = False,
        ctx: CallContext,
    ) -> TextRecord:
        """Send a request of any method."""
        options = _options(headers, query, timeout_s, max_bytes, follow_redirects)
        content = {"json": json, "form": form, "body": body}
        return await self._send(ctx, method, url, options, content, binary=binary)

    @method(effects=("net",), example=_EXAMPLE, returns="Each piece of the body, as it comes")
    async def stream(
        self,
        url: Url,
        body: Body = None,
        *,
        method: Annotated[str, "As in `http.request`"] = "GET",
        json: Json = None,
        form: Form = None,
        headers: Headers = None,
        query: Query = None,
        timeout_s: Timeout = None,
        max_bytes: MaxBytes = None,
        follow_redirects: Follow = True,
        binary: Annotated[bool, "Give bytes instead of text"] = False,
        ctx: CallContext,
    ) -> AsyncIterator[str | bytes]:
        """Read a large body as it comes; an error status raises."""
        options = _options(headers, query, timeout_s, max_bytes, follow_redirects)
        content = {"json": json, "form": form, "body": body}
        client, request = await self._prepare(ctx, method, url, options, content, stream=True)
        async with client.open(request) as answer:
            if answer.head.status >= _ERROR_FROM:
                raise _refused(request, answer)
            async for piece in _texts(request, answer) if not binary else answer.pieces():
                yield piece

    async def _send(
        self,
        ctx: CallContext,
        method: str,
        url: str,
        options: Mapping[str, Any],
        content: Mapping[str, Any] | None = None,
        *,
        binary: bool,
    ) -> TextRecord:
        from llmspell_bridges.http.response import make_record

        client, request = await self._prepare(ctx, method, url, options, content or {})
        async with client.open(request) as answer:
            return make_record(answer.head, await answer.body(), binary=binary)

    async def _prepare(
        self,
        ctx: CallContext,
        method: str,
        url: str,
        options: Mapping[str, Any],
        content: Mapping[str, Any],
        *,
        stream: bool = False,
    ) -> tuple[Client, Request]:
        client = await self.client()
        from llmspell_bridges.http.request import Content, make_request

        given = Content(**content)
        request = make_request(
            self._settings, ctx.where, method, url, content=given, stream=stream, **options
        )
        return client, request

    async def client(self) -> Client:
        """Make the run's client; the first one of a process imports the HTTP library."""
        if self._client is None:
            self._starting = self._starting or asyncio.Lock()
            async with self._starting:
                if self._client is None:
                    await asyncio.to_thread(_import)
                    from llmspell_bridges.http.client import Client

                    self._client = Client(self._session, self._settings)
        return self._client


def _options(
    headers: Mapping[str, str] | None,
    query: Mapping[str, Any] | None,
    timeout_s: float | None,
    max_bytes: int | None,
    follow_redirects: bool,  # noqa: FBT001 - handed on as it came
) -> dict[str, Any]:
    return {
        "headers": headers,
        "query": query,
        "timeout_s": timeout_s,
        "max_bytes": max_bytes,
        "follow_redirects": follow_redirects,
    }


def _import() -> None:
    """Import what takes 0.3 s, and load the certificates: in a thread, the loop goes on."""
    try:
        from llmspell_bridges.http.client import tls_context
    except ModuleNotFoundError as error:
        text = f"`http` needs a library that is not installed ({error}): llmspell-bridges[http]"
        raise UnsupportedError(text, capability="http") from error
    tls_context()


async def _texts(request: Request, answer: Answer) -> AsyncIterator[str]:
    """Decode a body as it comes, a character that is cut in two included."""
    from llmspell_bridges.http.errors import bad_response

    decoder = codecs.getincrementaldecoder(answer.head.charset)()
    try:
        async for piece in answer.pieces():
            if text := decoder.decode(piece):
                yield text
        if text := decoder.decode(b"", final=True):
            yield text
    except UnicodeDecodeError:
        what = "the body is not text; pass {binary = true}"
        raise bad_response(request, request.url, what) from None


def _refused(request: Request, answer: Answer) -> Exception:
    from llmspell_bridges.http.errors import bad_response

    status = answer.head.status
    what = f"the server answered {status}; see its answer with `http.request`"
    return bad_response(request, request.url, what, retryable=status >= 500, status=status)  # noqa: PLR2004
