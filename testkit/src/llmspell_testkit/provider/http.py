"""What a double of a server is asked, and the pages it gives."""

from __future__ import annotations

from typing import Any

import msgspec


class Page(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the server gives for a path beside the provider's own."""

    text: str = ""
    status: int = 200
    type: str = "text/plain; charset=utf-8"
    headers: dict[str, str] = {}
    latency_s: float = 0.0


class SeenRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request that came: `body` is parsed where it is JSON, else text; headers in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any = None
