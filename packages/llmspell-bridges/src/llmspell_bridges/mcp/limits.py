"""How much a server may send."""

from __future__ import annotations

MESSAGE_BYTES = 10 * 1024 * 1024
"""The longest message."""
UNASKED_MESSAGES = 10_000
"""The most messages that answer nothing (notifications, requests, garbage) after each of our own."""
PAGES = 100
ITEMS = 1000
"""The most tools, resources or prompts of one server."""
SCHEMAS_BYTES = 4 * 1024 * 1024
"""All schemas of a server together."""
HTTP_STREAMS = 100
"""How many times a connection opens a stream for what the server sends by itself."""


def too_long() -> str:
    """Say that a message was longer than it may be."""
    return f"it sent a message of more than {MESSAGE_BYTES // 1024 // 1024} MiB"


def too_many() -> str:
    """Say that it sent more messages than it may."""
    return f"it sent more than {UNASKED_MESSAGES:,} messages that answer nothing"
