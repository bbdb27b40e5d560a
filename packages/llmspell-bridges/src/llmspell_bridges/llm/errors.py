"""litellm's exceptions as errors of the one tree.

litellm 1.106 wraps what happened several times over and invents status codes on the way: a refused
connection and an answer that is not JSON are both its InternalServerError 500. What was first in
the chain of causes decides; the status code comes next, the class last.
"""

from __future__ import annotations

import re
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from llmspell_core import (
    AuthenticationError,
    BadResponseError,
    ContextWindowError,
    LlmspellError,
    ModelNotFoundError,
    NetworkError,
    ProviderError,
    RateLimitError,
    UnsupportedError,
)
from llmspell_core.redact import redactor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from llmspell_bridges.llm.models import Model

_TEXT_LENGTH = 400
_CHAIN = 16
_WRAPPING = re.compile(
    r"^(?:litellm\.)?\w+(?:Error|Exception|Timeout|Request): (?:\w+ - )?|^\w+Exception - "
)
_TOO_LONG = re.compile(
    r"context.{0,20}(length|window)|prompt is too long|token count.{0,20}exceeds|too many tokens",
    re.IGNORECASE,
)
_NO_KEY = re.compile(
    r"missing credentials|api[_ ]key.{0,40}(required|missing|not (found|set))", re.IGNORECASE
)
_BROKEN = ("ReadError", "ConnectError", "RemoteProtocolError", "ClientError", "APIConnectionError")

_NO_KEY_STATUS, _TOO_LONG_STATUS = 1, 2  # kinds that litellm has no status of their own for
_REJECTED = (
    ProviderError,
    "the provider `{provider}` rejected the request to {model}: {said}",
)
_FAILED: tuple[type[ProviderError], str] = (
    ProviderError,
    "the provider `{provider}` failed to answer for {model}: {said}; try again later",
)
_MOVED: tuple[type[ProviderError], str] = (
    ProviderError,
    (
        "the provider `{provider}` sends requests for {model} elsewhere, which is not followed: "
        "{said}; set `base_url` to its own address"
    ),
)
_BY_STATUS: dict[int, tuple[type[ProviderError], str]] = {
    _NO_KEY_STATUS: (AuthenticationError, "no key for the provider `{provider}`: {said}"),
    _TOO_LONG_STATUS: (
        ContextWindowError,
        "the request is longer than the context of {model}: {said}; send less",
    ),
    400: _REJECTED,
    401: (
        AuthenticationError,
        "the provider `{provider}` does not accept the key for {model}: {said}; check the key",
    ),
    403: (
        AuthenticationError,
        "the provider `{provider}` does not let this key use {model}: {said}",
    ),
    404: (
        ModelNotFoundError,
        "the provider `{provider}` has no such model as {model}: {said}; check the name",
    ),
    405: _REJECTED,
    **dict.fromkeys((301, 302, 303, 307, 308), _MOVED),
    409: _REJECTED,
    413: (
        ProviderError,
        "the request is too large for the provider `{provider}`: {said}; send less",
    ),
    415: _REJECTED,
    422: _REJECTED,
    429: (
        RateLimitError,
        "the provider `{provider}` asks to slow down calls of {model}: {said}",
    ),
}


def translate(error: BaseException, model: Model, *, timeout_s: float) -> LlmspellError:
    """Turn what a call of `model` raised into an error that says what, where, and the remedy."""
    links = list(chain(error))
    for link in links:
        if isinstance(link, LlmspellError):
            return link
    where: dict[str, Any] = {"provider": model.provider, "model": model.name}
    names = {cls.__name__ for link in links for cls in type(link).__mro__}
    if names & {"Timeout", "TimeoutError", "APITimeoutError", "TimeoutException"}:
        text = (
            f"{model.name} did not answer within {timeout_s:g} s; give the call a larger "
            "`timeout_s`, or set one for the provider"
        )
        return NetworkError(text, **where)
    said = explain(links)
    if "JSONDecodeError" in names or "Empty or invalid response" in said:
        text = f"{model.name} answered something that is not an answer: {said}"
        return BadResponseError(text, **where)
    if names & set(_BROKEN):
        stream = "broke off in the middle of" if _in_stream(names) else "failed before"
        text = (
            f"the connection to the provider `{model.provider}` {stream} the answer of "
            f"{model.name}: {said}; check that its address is right and can be reached"
        )
        return NetworkError(text, **where)
    return _by_status(error, names, said, model, where)


def _by_status(
    error: BaseException, names: set[str], said: str, model: Model, where: dict[str, Any]
) -> LlmspellError:
    status = getattr(error, "status_code", None)
    status = status if isinstance(status, int) else None
    if "UnsupportedParamsError" in names:
        text = f"{model.name} does not take this: {said.partition('. To drop')[0]}"
        return UnsupportedError(text, capability="llm parameters")
    if _NO_KEY.search(said):
        status = _NO_KEY_STATUS
    elif "ContextWindowExceededError" in names or (status == 400 and _TOO_LONG.search(said)):  # noqa: PLR2004 - HTTP's "bad request"
        status = _TOO_LONG_STATUS
    if status == 429:  # noqa: PLR2004 - HTTP's "too many requests"
        where["retry_after_s"] = _asked_to_wait(error)
    kind, template = _BY_STATUS.get(status or 0, _FAILED)
    text = template.format(provider=model.provider, model=model.name, said=said)
    if where.get("retry_after_s") is not None:
        text += f"; wait {where['retry_after_s']:g} s"
    where["status_code"] = getattr(error, "status_code", None)
    retryable = True if template is _FAILED[1] else None
    return kind(text, retryable=retryable, **where)


def _asked_to_wait(error: BaseException) -> float | None:
    """Find ``Retry-After`` where litellm, or the library below it, has left the headers."""
    for link in chain(error):
        response = getattr(link, "response", None)
        for holder, name in (
            (link, "litellm_response_headers"),
            (response, "headers"),
            (link, "headers"),
        ):
            headers: Any = getattr(holder, name, None)
            found = retry_after_s(headers) if hasattr(headers, "items") else None
            if found is not None:
                return found
    return None


def _in_stream(names: set[str]) -> bool:
    return "MidStreamFallbackError" in names


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Walk from an exception to what caused it, and what caused that."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen and len(seen) < _CHAIN:
        seen.add(id(error))
        yield error
        original = getattr(error, "original_exception", None)
        error = original or error.__cause__ or error.__context__


def explain(links: Sequence[BaseException]) -> str:
    """Say what happened in the provider's own words: unwrapped, short, without keys."""
    text = next((str(link) for link in links if str(link).strip()), "no reason given")
    # litellm puts Python's traceback behind some messages
    text = text.split(" Original exception:")[0].split("\nTraceback (most recent call last)")[0]
    while (shorter := _WRAPPING.sub("", text, count=1)) != text:
        text = shorter
    text = redactor.foreign(" ".join(text.split()))
    short = text if len(text) <= _TEXT_LENGTH else f"{text[:_TEXT_LENGTH]}…"
    return short.rstrip(". ") or "no reason given"


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Read ``Retry-After``, in seconds or as an HTTP date; None where there is none to read."""
    found = {str(name).lower(): str(value) for name, value in headers.items()}
    text = found.get("retry-after") or found.get("llm_provider-retry-after") or ""
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, round(parsedate_to_datetime(text).timestamp() - time.time(), 3))
    except (ValueError, TypeError, IndexError):
        return None


def truncated(model: Model) -> BadResponseError:
    """Make the error of a stream that ended without a reason to; litellm would say "stop"."""
    text = f"the answer of {model.name} broke off: the stream ended without a finish reason"
    return BadResponseError(text, provider=model.provider, model=model.name)


def empty(model: Model) -> BadResponseError:
    """Make the error of an answer in which nothing was answered."""
    text = f"{model.name} answered without any content: no choices in its response"
    return BadResponseError(text, provider=model.provider, model=model.name)


def not_json(model: Model, text: str, finish_reason: str, error: Exception) -> BadResponseError:
    """Make the error of an answer that should have been JSON."""
    cut = "; it was cut off: give a larger `max_tokens`" if finish_reason == "length" else ""
    what = f"the answer of {model.name} is not the JSON that was asked for: {error}{cut}"
    details: dict[str, Any] = {"text": text[:_TEXT_LENGTH]}
    return BadResponseError(what, provider=model.provider, model=model.name, details=details)


def misfit(model: Model, text: str, finish_reason: str, where: str) -> BadResponseError:
    """Make the error of an answer in JSON that does not fit its schema."""
    cut = "; it was cut off: give a larger `max_tokens`" if finish_reason == "length" else ""
    what = f"the answer of {model.name} does not fit the schema {where}{cut}"
    details: dict[str, Any] = {"text": text[:_TEXT_LENGTH]}
    return BadResponseError(what, provider=model.provider, model=model.name, details=details)
