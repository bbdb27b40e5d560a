"""One request as a script describes it, checked and encoded before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec

from llmspell_bridges.http.headers import checked_headers
from llmspell_bridges.policy.network import canonical_host
from llmspell_core.errors import ValidationError
from llmspell_core.limits import show_bytes
from llmspell_core.values import plain

if TYPE_CHECKING:
    from yarl import URL

    from llmspell_bridges.http.settings import HttpSettings

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_PORTS = {"http": 80, "https": 443}


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent; `where` is how errors call the method, times in seconds."""

    where: str
    method: str
    url: Any
    headers: dict[str, str]
    body: bytes | None
    timeout_s: float
    max_bytes: int
    follow_redirects: bool


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """The three ways in which a script gives a body: at most one."""

    json: Any = None
    form: Mapping[str, Any] | None = None
    body: str | bytes | None = None

    def encode(self, where: str) -> tuple[bytes | None, str | None]:
        """Return the body and its type.

        Raises:
            ValidationError: more than one was given, or one cannot be encoded.
        """
        given = [name for name in ("body", "form", "json") if getattr(self, name) is not None]
        if len(given) > 1:
            raise _bad(where, given[1], f"a request has one body, and `{given[0]}` is given too")
        if self.json is not None:
            try:
                text = json.dumps(plain(self.json), allow_nan=False, ensure_ascii=False)
                return text.encode(), "application/json"
            except (TypeError, ValueError) as error:
                raise _bad(where, "json", f"it is not JSON: {error}") from None
        if self.form is not None:
            fields = pairs(self.form, where, "form")
            return urlencode(fields).encode(), "application/x-www-form-urlencoded"
        if isinstance(self.body, str):
            return self.body.encode(), "text/plain; charset=utf-8"
        return self.body, None if self.body is None else "application/octet-stream"


def make_request(
    settings: HttpSettings,
    where: str,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None,
    query: Mapping[str, Any] | None,
    content: Content,
    timeout_s: float | None,
    max_bytes: int | None,
    follow_redirects: bool,
    stream: bool = False,
) -> Request:
    """Check all of a request but whether it is permitted.

    Raises:
        ValidationError: it names the argument.
    """
    if method.upper() not in METHODS:
        raise _bad(where, "method", f"expected one of {', '.join(METHODS)}, got `{method[:20]}`")
    address = parse_url(url, where)
    if query:
        address = address.extend_query(pairs(query, where, "query"))
    body, body_type = content.encode(where)
    checked = {"user-agent": "llmspell", "accept": "*/*", **checked_headers(headers or {}, where)}
    if body_type is not None:
        checked.setdefault("content-type", body_type)
    size = len(body or b"") + len(str(address)) + sum(len(k) + len(v) for k, v in checked.items())
    if size > settings.request_bytes:
        most = show_bytes(settings.request_bytes)
        raise _bad(where, "body", f"the request has {size:,} bytes, more than {most}; send less")
    most_bytes = settings.stream_bytes if stream else settings.response_bytes
    most_s = settings.stream_timeout_s if stream else settings.timeout_s
    if max_bytes is not None and max_bytes > most_bytes:
        remedy = "" if stream else "; use `http.stream` for more"
        raise _bad(where, "max_bytes", f"at most {most_bytes:,}{remedy}")
    if timeout_s is not None and timeout_s > most_s:
        remedy = "" if stream else "; use `http.stream` for what takes longer"
        raise _bad(where, "timeout_s", f"at most {most_s:g}{remedy}")
    return Request(
        where=where,
        method=method.upper(),
        url=address,
        headers=checked,
        body=body,
        timeout_s=timeout_s or settings.timeout_s,
        max_bytes=max_bytes or settings.response_bytes,
        follow_redirects=follow_redirects,
    )


def parse_url(text: str, where: str) -> URL:
    """Read an absolute HTTP address; its host is in canonical form, its fragment gone.

    The same object goes to the HTTP client: two parsers could disagree on what the host is.

    Raises:
        ValidationError: it is none.
    """
    from yarl import URL

    if any(c <= " " or c in "\x7f\\" for c in text):
        raise _bad(where, "url", "it has spaces, control characters or backslashes; encode them")
    try:
        url = URL(text)
        host, port = url.host, url.port
    except ValueError as error:
        raise _bad(where, "url", f"it is not a URL: {error}") from None
    if url.scheme not in _PORTS or not host or port is None or not 0 < port < 65536:  # noqa: PLR2004
        raise _bad(where, "url", "expected https://HOST/…")
    if url.user is not None or url.password is not None:
        raise _bad(where, "url", "it has a user or a password; pass them in `headers`")
    try:
        return url.with_host(canonical_host(url.raw_host or host)).with_fragment(None)
    except ValueError as error:
        raise _bad(where, "url", f"`{host[:80]}` is not a host: {error}") from None


def shown(url: URL) -> str:
    """Write an address for an error: its query may hold a secret."""
    return str(url.with_query(None).with_fragment(None))


def pairs(fields: Mapping[str, Any], where: str, argument: str) -> list[tuple[str, str]]:
    """Flatten a map of texts, numbers, booleans and lists of them to name and value."""
    found: list[tuple[str, str]] = []
    for name, value in fields.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, bool):
                found.append((name, "true" if item else "false"))
            elif isinstance(item, (str, int, float)):
                found.append((name, str(item)))
            elif item is not None:
                what = f"expected text, a number or a boolean, got {type(item).__name__}"
                raise _bad(where, f"{argument}.{name}", what)
    return found


def _bad(where: str, argument: str, what: str) -> ValidationError:
    text = f"bad argument `{argument}` to `{where}`: {what}"
    return ValidationError(text, argument=argument)
