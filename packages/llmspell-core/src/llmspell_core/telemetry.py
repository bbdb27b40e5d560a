"""Spans, where the host has set up OpenTelemetry; nothing at all where it has not.

The API package is never imported from here: a host that wants spans has imported it already,
and a cold start saves its 40 ms.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from llmspell_core.redact import redactor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@contextmanager
def span(name: str, attributes: Mapping[str, Any]) -> Iterator[None]:
    """Record the block as a span called `name`; what it tells holds no key of the host's."""
    api = sys.modules.get("opentelemetry.trace")
    # half imported, in another thread, it lacks what is used below (litellm imports it for seconds)
    if api is None or getattr(getattr(api, "__spec__", None), "_initializing", False):
        yield
        return
    shown = redactor.value(dict(attributes))
    # The API's own record of an exception has its traceback, causes of libraries' included.
    quiet = {"record_exception": False, "set_status_on_exception": False}
    tracer = api.get_tracer("llmspell")
    with tracer.start_as_current_span(name, attributes=shown, **quiet) as current:
        try:
            yield
        except BaseException as error:
            current.set_attribute("error.type", getattr(error, "kind", type(error).__name__))
            current.set_status(api.Status(api.StatusCode.ERROR, redactor.foreign(str(error))))
            raise
