"""What the HTTP library and the network say, as errors for scripts."""

from __future__ import annotations

import os
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

import aiohttp

from llmspell_bridges.http.request import shown
from llmspell_core.errors import BadResponseError, LlmspellError, NetworkError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yarl import URL

    from llmspell_bridges.http.request import Request


@contextmanager
def translated(request: Request, url: URL) -> Iterator[None]:
    """Turn what goes wrong with `url` into an error that says what, where and what to do."""
    try:
        yield
    except LlmspellError:
        raise
    except TimeoutError as error:
        raise timed_out(request, url) from error
    except aiohttp.ClientConnectorCertificateError as error:
        reason = getattr(error.certificate_error, "verify_message", "") or error.certificate_error
        what = f"its certificate is not valid ({reason}); nothing was sent"
        raise network(request, url, what, retryable=False) from error
    except (aiohttp.ClientSSLError, ssl.SSLError) as error:
        what = "no secure connection was agreed on; does it speak TLS on this port?"
        raise network(request, url, what, retryable=False) from error
    except aiohttp.ClientPayloadError as error:
        what = "the connection ended before the body was whole; ask again"
        raise bad_response(request, url, what, retryable=True) from error
    except aiohttp.ClientConnectorError as error:
        number = error.os_error.errno
        reason = os.strerror(number).lower() if number else "no address answers"
        what = f"it cannot be reached ({reason}); is it running, and is the port right?"
        raise network(request, url, what) from error
    except aiohttp.ServerDisconnectedError as error:
        raise network(request, url, "it hung up without an answer; ask again") from error
    except (aiohttp.ClientResponseError, aiohttp.InvalidURL, ValueError) as error:
        what = f"its answer is not proper HTTP: {str(getattr(error, 'message', error))[:200]}"
        raise bad_response(request, url, what) from error
    except (aiohttp.ClientError, OSError) as error:
        raise network(request, url, f"the connection failed ({error}); ask again") from error


def network(request: Request, url: URL, what: str, *, retryable: bool = True) -> NetworkError:
    """Make the error of a server that was not reached."""
    return NetworkError(f"`{request.where}` of {shown(url)}: {what}", retryable=retryable)


def bad_response(
    request: Request, url: URL, what: str, *, retryable: bool = False, status: int | None = None
) -> BadResponseError:
    """Make the error of an answer that is of no use."""
    text = f"`{request.where}` of {shown(url)}: {what}"
    return BadResponseError(text, retryable=retryable, status_code=status)


def timed_out(request: Request, url: URL) -> NetworkError:
    """Make the error of an answer that was not whole in time."""
    what = f"no whole answer within {request.timeout_s:g} s; timeout_s sets how long to wait"
    return network(request, url, what)


def too_large(request: Request, url: URL) -> BadResponseError:
    """Make the error of a body that was cut."""
    by_script = request.where.startswith("http.") and request.where != "http.stream"
    remedy = "read it with `http.stream`" if by_script else "raise max_bytes"
    what = f"the body is larger than {request.max_bytes:,} bytes and was cut; {remedy}"
    return bad_response(request, url, what)
